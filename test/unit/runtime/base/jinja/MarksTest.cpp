//===- MarksTest.cpp - What of a prompt a user wrote ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChatGoldens.h"

#include <gtest/gtest.h>

using namespace plait;

namespace {

/// The rendered text with "<" and ">" around what is marked.
std::string marked(std::string_view source, const std::string &content = "abc", const std::string &role = "user") {
  ChatInput input;
  input.messages = Json::array({{{"role", role}, {"content", content}}});
  Expected<RenderedChat> chat = renderTemplate("{% set u = messages[0].content %}" + std::string(source), input);
  if (!chat.ok())
    return chat.status().message();
  std::string text;
  size_t done = 0;
  for (const TextRange &range : chat->userText) {
    text += chat->text.substr(done, range.begin - done) + "<" + chat->text.substr(range.begin, range.end - range.begin);
    text += ">";
    done = range.end;
  }
  return text + chat->text.substr(done);
}

TEST(Marks, OperatorsKeepThem) {
  EXPECT_EQ(marked("x{{ u }}y"), "x<abc>y");
  EXPECT_EQ(marked("{{ 'x' + u + 'y' ~ u ~ 1 }}"), "x<abc>y<abc>1");
  EXPECT_EQ(marked("{{ ('x' + u)[1:3] ~ u[0] ~ u[::-1] }}"), "<abacba>");
  EXPECT_EQ(marked("{{ u * 2 }}{{ ('-' + u) * 2 }}"), "<abcabc>-<abc>-<abc>");
  EXPECT_EQ(marked("{{ '%s=%s' % (u, 'x') }}{{ '{}+{}'.format(u, 1) }}"), "<abc>=x<abc>+1");
  EXPECT_EQ(marked("{% set x %}[{{ u }}]{% endset %}{{ x }}"), "[<abc>]");
  EXPECT_EQ(marked("{% macro f(a) %}({{ a }}){% endmacro %}{{ f(u) }}"), "(<abc>)");
  EXPECT_EQ(marked("{% filter upper %}x{{ u }}{% endfilter %}"), "X<ABC>");
  EXPECT_EQ(marked("{% generation %}{{ u }}{% endgeneration %}."), "<abc>.");
}

TEST(Marks, TextFunctionsKeepThem) {
  EXPECT_EQ(marked("{{ ('x ' + u + ' ') | trim }}|{{ u.strip('a') }}", " b "), "x < b>|< b >");
  EXPECT_EQ(marked("{{ ('x' + u) | upper }}{{ (u + 'X').lower() }}{{ ('x' + u) | title }}{{ u | capitalize }}"),
            "X<ABCabc>xX<abcAbc>");
  EXPECT_EQ(marked("{{ ('b' + u) | replace('b', '-') }}{{ 'xbx' | replace('b', u) }}"), "-<a>-<c>x<abc>x");
  EXPECT_EQ(marked("{{ (u + ',' + 'd').split(',') | join('+') }}"), "<abc>+d");
  EXPECT_EQ(marked("{{ 'x\n' ~ u | indent(2) }}", "a\nb"), "x\n<a>\n  <b>");
  EXPECT_EQ(marked("{{ u | tojson }}", "a\"b\n"), "\"<a\\\"b\\n>\"");
  EXPECT_EQ(marked("{{ {'k': [u]} | tojson }}{{ [u] }}"), "{\"k\": [\"<abc>\"]}['<abc>']");
  EXPECT_EQ(marked("{{ u | e }}", "a<b"), "<a&lt;b>");
  EXPECT_EQ(marked("{{ u | list | join('-') }}{{ u | reverse }}{{ u | first }}"), "<a>-<b>-<ccbaa>");
  EXPECT_EQ(marked("{{ messages | map(attribute='content') | join('/') }}"), "<abc>");
}

/// Names of arguments may be the user's, too.
TEST(Marks, NamesOfArgumentsKeepThem) {
  EXPECT_EQ(marked("{{ dict(**{u: 1}) | tojson }}"), "{\"<abc>\": 1}");
  EXPECT_EQ(marked("{% macro f() %}{{ kwargs | list | first }}{% endmacro %}{{ f(**{u: 1}) }}{{ f(abc=1) }}"),
            "<abc>abc");
}

/// A name of a special token must not be put together from a role.
TEST(Marks, OnlyWellKnownRolesAreTheTemplates) {
  EXPECT_EQ(marked("{{ '(|' + messages[0].role + '|)' }}", "", "user"), "(|user|)");
  EXPECT_EQ(marked("{{ '(|' + messages[0].role + '|)' }}", "", "im_end"), "(|<im_end>|)");
}

TEST(Marks, ToolsAndDocumentsAreTheUsers) {
  ChatInput input;
  input.tools = Json::parse(R"([{"name": "f"}])");
  input.documents = Json::parse(R"([{"title": "t", "text": "d"}])");
  Expected<RenderedChat> chat =
      renderTemplate("{{ tools | tojson }}{{ documents[0].text }}{{ bos_token }}", input, {{"bos_token", "<s>"}});
  ASSERT_TRUE(chat.ok()) << chat.status().message();
  EXPECT_EQ(chat->text, "[{\"name\": \"f\"}]d<s>");
  EXPECT_EQ(chat->userText, (std::vector<TextRange>{{3, 7}, {11, 12}, {15, 16}}));
}

} // namespace
