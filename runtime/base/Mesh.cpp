//===- Mesh.cpp - How the ranks of a model are arranged -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Mesh.h"

#include "runtime/base/File.h"

#include <algorithm>
#include <charconv>

using namespace plait;

static Status wrongMesh(const std::string &text, const std::string &what) {
  return invalidArgument("--mesh: found \"" + printable(text, 80) + "\"" + what +
                         "; expected dp=REPLICAS,tp=RANKS or one of the two, such as dp=2,tp=2");
}

/// The number that the whole of `text` is; -1 if it is none.
static int64_t numberOf(const std::string &text) {
  int64_t number = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

Expected<Mesh> plait::parseMesh(const std::string &text) {
  Mesh mesh{0, 0};
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(',', at), text.size());
    std::string part = text.substr(at, end - at);
    size_t equal = part.find('=');
    if (equal == std::string::npos)
      return wrongMesh(text, "");
    std::string axis = part.substr(0, equal);
    if (axis != "dp" && axis != "tp")
      return wrongMesh(text, ", in which \"" + printable(axis, 80) + "\" is no axis");
    int64_t &size = axis == "dp" ? mesh.replicas : mesh.ranks;
    if (size)
      return wrongMesh(text, ", which has the axis " + axis + " twice");
    size = numberOf(part.substr(equal + 1));
    if (size < 1 || size > kMostRanks)
      return wrongMesh(text, ", in which the size of " + axis + " is not from 1 to " + std::to_string(kMostRanks));
    at = end + 1;
  }
  mesh.replicas = std::max<int64_t>(mesh.replicas, 1);
  mesh.ranks = std::max<int64_t>(mesh.ranks, 1);
  if (mesh.size() > kMostRanks)
    return invalidArgument("--mesh: found \"" + text + "\", which is " + std::to_string(mesh.size()) +
                           " ranks; expected at most " + std::to_string(kMostRanks));
  return mesh;
}

std::string plait::meshText(const Mesh &mesh) {
  std::string text = mesh.replicas > 1 ? "dp=" + std::to_string(mesh.replicas) : "";
  if (mesh.ranks > 1 || text.empty())
    text += (text.empty() ? "" : ",") + ("tp=" + std::to_string(mesh.ranks));
  return text;
}
