//===- SandboxTest.cpp - Templates that misbehave -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChatGoldens.h"
#include "runtime/base/Utf8.h"

#include <gtest/gtest.h>

#include <random>

using namespace plait;

namespace {

std::string errorOf(std::string_view source, const ChatInput &input = {}) {
  Expected<RenderedChat> rendered = renderTemplate(source, input);
  return rendered.ok() ? "no error" : rendered.status().message();
}

TEST(Sandbox, StepsAreBounded) {
  jinja::Limits limits;
  limits.steps = 1000;
  auto endless = renderTemplate("{% for i in range(900) %}{{ i + i }}{% endfor %}", {}, {}, limits);
  ASSERT_FALSE(endless.ok());
  EXPECT_EQ(endless.status().message(),
            "template: line 1: found more than 1000 steps of evaluation; expected a template that ends");
}

TEST(Sandbox, EndlessWorkEnds) {
  std::string nested;
  for (int i = 0; i < 4; ++i)
    nested += "{% for i in range(90000) %}";
  for (int i = 0; i < 4; ++i)
    nested += "{% endfor %}";
  // Lists of loops count as work and as room: one of the two runs out.
  EXPECT_EQ(errorOf(nested),
            "template: line 1: found values of more than 536870912 bytes together; expected a template that uses less");
  EXPECT_EQ(errorOf("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}"),
            "template: line 1: found evaluations nested deeper than 800; expected a template that ends");
  EXPECT_EQ(errorOf("{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}"),
            "template: line 1: found evaluations nested deeper than 800; expected a template that ends");
  EXPECT_EQ(errorOf("{% for i in range(100001) %}{% endfor %}"),
            "template: line 1: range: found more than 100000 items; expected fewer");
}

TEST(Sandbox, GrowthIsBounded) {
  EXPECT_EQ(errorOf("{{ 'abc' * 10**12 }}"),
            "template: line 1: found a string of 3 bytes times 1000000000000; expected "
            "at most 33554432 bytes together");
  EXPECT_EQ(errorOf("{{ [1] * 10**12 }}"),
            "template: line 1: found a list of 1 items times 1000000000000; expected fewer items");
  const char *tooLong = "template: line 1: found a text of 67108864 bytes; expected at most 33554432";
  EXPECT_EQ(errorOf("{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"),
            tooLong);
  EXPECT_EQ(errorOf("{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"),
            tooLong);
  EXPECT_NE(errorOf("{{ ('a' * 100000)|replace('', 'b' * 100000) }}").find("found a text of"), std::string::npos);
  EXPECT_NE(errorOf("{{ ('a' * 1000000)|list|join('b' * 1000000) }}").find("found"), std::string::npos);
  EXPECT_NE(errorOf("{% for i in range(90000) %}{{ 'a' * 10000 }}{% endfor %}").find("found a text of"),
            std::string::npos);
  EXPECT_NE(errorOf("{% set ns = namespace(l=[]) %}{% for i in range(90000) %}{% set ns.l = ns.l + [i] %}{% endfor %}")
                .find("expected a template that"),
            std::string::npos);
  EXPECT_EQ(errorOf("{% set ns = namespace(l=[]) %}{% for i in range(9000) %}{% set ns.l = [ns.l] %}{% endfor %}"),
            "template: line 1: found lists nested deeper than 200");
  EXPECT_EQ(errorOf("{% set ns = namespace(l={}) %}{% for i in range(9000) %}{% set ns.l = {1: ns.l} %}{% endfor %}"),
            "template: line 1: found dicts nested deeper than 200");
  EXPECT_EQ(
      errorOf("{% set ns = namespace(l={}) %}{% for i in range(900) %}{% set ns.l = {1: ns.l.get} %}{% endfor %}"),
      "template: line 1: found dicts nested deeper than 200");
  EXPECT_EQ(errorOf("{{ '{:>99999999}'.format(1) }}"),
            "template: line 1: format: found a width over 10000 or a precision over 300");
  EXPECT_EQ(errorOf("{{ 9223372036854775807 + 1 }}"),
            "template: line 1: found a result that is no integer of 64 bits; expected a smaller one");
}

/// Work and room that no loop of the template shows.
TEST(Sandbox, ErrorsAreOneLine) {
  for (const char *source : {"{{ '{:\n}'.format(5) }}", "{{ '{:>\n}'.format(5) }}", "{{ '{:\xc3\xa9}'.format(5) }}"}) {
    std::string error = errorOf(source);
    EXPECT_NE(error.find("format"), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    EXPECT_EQ(findInvalidUtf8(error), std::string::npos) << error;
  }
}

TEST(Sandbox, WorkOfBuiltinsIsBounded) {
  const std::string letters = "{% set a = 'a' * 3000000 %}";
  for (const char *work :
       {"{{ a|int }}", "{{ a|float }}", "{{ a.istitle() }}", "{{ a.isspace() }}", "{{ {}[a] }}", "{{ a in {} }}",
        "{{ a is lower }}", "{{ a.removeprefix('b') is string }}", "{{ {}.get(a) }}"})
    EXPECT_NE(errorOf(letters + "{% for i in range(90000) %}" + work + "{% endfor %}").find("expected a template that"),
              std::string::npos)
        << work;
  EXPECT_EQ(errorOf(letters + "{{ a.partition('a' * 300000 ~ 'b') }}"),
            "template: line 1: found more than 20000000 steps of evaluation; expected a template that ends");
  for (const char *work : {"{{ (','* 3000000).split(',') }}", "{{ ('\\n' * 3000000).splitlines() }}"}) {
    jinja::Limits small;
    small.totalBytes = 1 << 26;
    auto parts = renderTemplate(work, {}, {}, small);
    ASSERT_FALSE(parts.ok()) << work;
    EXPECT_NE(parts.status().message().find("values of more than 67108864 bytes"), std::string::npos);
  }
  // A key is a copy of its text, and a tuple may hold another one twice.
  jinja::Limits limits;
  limits.totalBytes = 1 << 26;
  auto keys = renderTemplate(letters + "{% set ns = namespace(l=[]) %}{% for i in range(1000) %}"
                                       "{% set ns.l = ns.l + [{a: i}] %}{% endfor %}",
                             {}, {}, limits);
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(keys.status().message(),
            "template: line 1: found values of more than 67108864 bytes together; expected a template that uses less");
  EXPECT_EQ(errorOf("{% set ns = namespace(t=(1,)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}"
                    "{{ {ns.t: 1} }}"),
            "template: line 1: found more than 20000000 steps of evaluation; expected a template that ends");
}

TEST(Sandbox, RangesStayInTheirIntegers) {
  EXPECT_EQ(errorOf("{{ range(9223372036854775800, 9223372036854775807, 5)[0:2] }}"),
            "template: line 1: slice: found a range whose end is no integer of 64 bits; expected a smaller one");
  EXPECT_EQ(errorOf("{{ range(0, 9223372036854775807, 4611686018427387904)[::3] }}"),
            "template: line 1: slice: found a range whose end is no integer of 64 bits; expected a smaller one");
}

/// The condition of a loop asks for the length of the loop.
TEST(Sandbox, ConditionsMayAskTheirLoop) {
  EXPECT_EQ(errorOf("{% set ns = namespace() %}{% for i in [1, 2, 3, 4] if ns.l is not defined or ns.l.length > 0 %}"
                    "{% set ns.l = loop %}{{ i }}{% endfor %}"),
            "no error");
}

/// Long chains of objects must not be destroyed recursively.
TEST(Sandbox, ChainsComeApart) {
  EXPECT_EQ(errorOf("{% set a = namespace() %}{% set b = namespace(c=a) %}{% for i in range(50000) %}"
                    "{% set t = namespace() %}{% set n = b.c %}{% set n.next = t %}{% set b.c = t %}{% endfor %}"),
            "no error");
  EXPECT_EQ(errorOf("{% set ns = namespace(l=1) %}{% for i in range(50000) %}{% for x in [ns.l] %}"
                    "{% set ns.l = loop %}{% endfor %}{% endfor %}"),
            "no error");
  EXPECT_EQ(errorOf("{% set ns = namespace() %}{% for i in range(20000) %}{% macro f() %}{{ i }}{% endmacro %}"
                    "{% set ns.f = f %}{% endfor %}{{ ns.f() }}"),
            "no error");
}

TEST(Sandbox, NestingOfTheSourceIsBounded) {
  auto repeat = [](std::string_view text, int count) {
    std::string result;
    for (int i = 0; i < count; ++i)
      result += text;
    return result;
  };
  const char *tooDeep = "template: line 1: found statements or expressions nested deeper than 200";
  EXPECT_EQ(errorOf("{{ " + repeat("(", 100000) + "1" + repeat(")", 100000) + " }}"), tooDeep);
  EXPECT_EQ(errorOf("{{ " + repeat("[", 100000) + repeat("]", 100000) + " }}"), tooDeep);
  EXPECT_EQ(errorOf("{{ " + repeat("not ", 100000) + "1 }}"), tooDeep);
  EXPECT_EQ(errorOf("{{ " + repeat("-", 100000) + "1 }}"), tooDeep);
  EXPECT_EQ(errorOf("{{ " + repeat("1 if 1 else ", 50000) + "1 }}"), tooDeep);
  EXPECT_EQ(errorOf(repeat("{% if 1 %}", 100000)), tooDeep);
  EXPECT_EQ(errorOf("{{ 1" + repeat(" + 1", 100000) + " }}"),
            "template: line 1: found an expression nested deeper than 200");
  EXPECT_EQ(errorOf("{{ a" + repeat(".a", 100000) + " }}"),
            "template: line 1: found an expression nested deeper than 200");
  EXPECT_EQ(errorOf("{% if 0 %}" + repeat("{% elif 0 %}", 10000) + "{% endif %}"), "no error");
}

TEST(Sandbox, ErrorsNameTheLineAndTheThing) {
  EXPECT_EQ(errorOf("\n\n{{ 1|nope }}"), "template: line 3: found the filter \"nope\", which is not known");
  EXPECT_EQ(errorOf("\n{{ 1 is nope }}"), "template: line 2: found the test \"nope\", which is not known");
  EXPECT_EQ(errorOf("{{ nope() }}"), "template: line 1: \"nope\" is undefined");
  EXPECT_EQ(errorOf("{{ messages.nope() }}"), "template: line 1: list has no attribute \"nope\"");
  EXPECT_EQ(errorOf("{{ raise_exception('roles must\nalternate') }}"),
            "template: line 1: the template refuses: roles must\\x0aalternate");
  EXPECT_EQ(errorOf("a\n{% include 'x' %}"),
            "template: line 2: found the statement \"include\"; expected break, call, continue, filter, for, "
            "generation, if, macro, print, raw, set or with");
  EXPECT_EQ(errorOf("{% for i in [] recursive %}{% endfor %}"),
            "template: line 1: found a recursive for statement, which is not supported; use a macro that calls itself");
  EXPECT_EQ(errorOf("{% if 1 %}\n\nx"), "template: line 3: found the end of the template; expected {% elif %} or "
                                        "{% else %} or {% endif %} for the statement of line 1");
  EXPECT_EQ(errorOf("{{ 'a"), "template: line 1: found no closing ' of this string");
  EXPECT_EQ(errorOf("{{ '\\ud800' }}"),
            "template: line 1: found the escape \"\\ud800\"; expected hexadecimal digits of a character");
  EXPECT_EQ(errorOf("\xff"), "template: found invalid UTF-8 at byte 0; expected a template in UTF-8");
  ChatInput input;
  input.messages = Json::parse("[1]");
  EXPECT_EQ(errorOf("x", input),
            "messages: found message 0 that is no object; expected {\"role\": ..., \"content\": ...}");
}

/// Whatever the bytes are, there is a result or an error.
TEST(Sandbox, AnyBytesAreRefusedOrRendered) {
  static constexpr std::string_view pieces[] = {
      "{{",       "}}",       "{%",    "%}",     "{#",   "#}",   "-",      " if ",      " for ", " in ", "set ", "x",
      "messages", "endfor",   "endif", "macro ", "call", "\n",   "|",      "tojson",    "(",     ")",    "[",    "]",
      "{",        "}",        ".",     ",",      "'",    "\"",   "1",      "1.5",       "*",     "**",   "%",    "~",
      "loop",     "range",    "is ",   "not ",   "==",   "join", "format", "namespace", "=",     ":",    "\\",   "raw",
      "else",     "\xc3\xa9", "\xff",  "batch",  "sort", "map",  "items",  "first",     "e",     "true", "none", "\0"};
  std::mt19937 random(7);
  ChatInput input;
  input.messages = Json::parse(R"([{"role": "user", "content": "h\u00e9"}, {"role": "x", "content": null}])");
  jinja::Limits limits;
  limits.steps = 20000;
  limits.textBytes = 1 << 16;
  limits.totalBytes = 1 << 22;
  size_t rendered = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string source = i % 2 ? "{{ " : "";
    for (size_t count = random() % 16; count-- > 0;)
      source += pieces[random() % std::size(pieces)];
    source += i % 2 ? " }}" : "";
    Expected<RenderedChat> result = renderTemplate(source, input, {}, limits);
    rendered += result.ok();
    if (!result.ok()) {
      EXPECT_EQ(result.status().message().find('\n'), std::string::npos);
    }
  }
  EXPECT_GT(rendered, 1000u);
}

} // namespace
