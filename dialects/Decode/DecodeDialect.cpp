//===- DecodeDialect.cpp - Attributes and types of the decode dialect -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;
using namespace plait::decode;

#include "dialects/Decode/DecodeDialect.cpp.inc"
#include "dialects/Decode/DecodeEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Decode/DecodeAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Decode/DecodeTypes.cpp.inc"

void DecodeDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Decode/DecodeAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Decode/DecodeTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Decode/DecodeOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type BlockType::parse(AsmParser &parser) {
  int64_t size = 0, prompts = 0, together = 1;
  SmallVector<int64_t> parents;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  bool branches = succeeded(parser.parseOptionalKeyword("branches"));
  bool tree = branches || succeeded(parser.parseOptionalKeyword("tree"));
  if (branches) {
    int64_t count = 0, length = 0;
    if (parser.parseInteger(count) || parser.parseKeyword("of") || parser.parseInteger(length))
      return {};
    constexpr int64_t kMost = 65536;
    if (count <= 0 || length <= 0 || count > kMost / length) {
      parser.emitError(loc, "expected branches of 1 to ")
          << kMost << " nodes together but got " << count << " of " << length;
      return {};
    }
    // By depth, so that the first nodes of a block are its upper ones.
    parents = {-1};
    for (int64_t node = 1; node <= count * length; ++node)
      parents.push_back(std::max<int64_t>(node - count, 0));
    size = int64_t(parents.size());
  } else if (tree && succeeded(parser.parseOptionalLSquare())) {
    if (parser.parseCommaSeparatedList([&] { return parser.parseInteger(parents.emplace_back()); }) ||
        parser.parseRSquare())
      return {};
    size = int64_t(parents.size());
  } else if (parser.parseInteger(size)) {
    return {};
  }
  if (succeeded(parser.parseOptionalKeyword("prompts")) && parser.parseInteger(prompts))
    return {};
  if (succeeded(parser.parseOptionalKeyword("together")) && parser.parseInteger(together))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<BlockType>(loc, parser.getContext(), size, tree, parents, prompts, together);
}

void BlockType::print(AsmPrinter &p) const {
  p << "<" << (getTree() ? "tree " : "");
  if (getParents().empty()) {
    p << getSize();
  } else {
    p << "[";
    llvm::interleaveComma(getParents(), p);
    p << "]";
  }
  if (getPrompts())
    p << " prompts " << getPrompts();
  if (getTogether() != 1)
    p << " together " << getTogether();
  p << ">";
}

LogicalResult BlockType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t size, bool tree,
                                ArrayRef<int64_t> parents, int64_t prompts, int64_t together) {
  if (size <= 0)
    return emitError() << "expected a positive block size but got " << size;
  if (!parents.empty() && (!tree || int64_t(parents.size()) != size))
    return emitError() << "expected parents for each node of a tree";
  for (auto [node, parent] : llvm::enumerate(parents))
    if (node == 0 ? parent != -1 : parent < 0 || parent >= int64_t(node))
      return emitError() << "expected " << (node == 0 ? "no parent (-1)" : "a node before it") << " as parent of node "
                         << node << " but got " << parent;
  if (prompts < 0 || prompts >= size)
    return emitError() << "expected fewer prompts than the " << size << " nodes but got " << prompts;
  if (together < 1 || together > 65536)
    return emitError() << "expected 1 to 65536 prompts that see each other but got " << together;
  if (together > 1 && !prompts)
    return emitError() << "expected prompts, of which " << together << " see each other, but got none";
  for (auto [node, parent] : llvm::enumerate(parents.take_front(size_t(size - prompts))))
    if (parent >= size - prompts)
      return emitError() << "expected no token after a prompt but got node " << node << " after " << parent;
  return success();
}

void BlockType::addRoundAttributes(NamedAttrList &attributes) const {
  if (getTree())
    attributes.set("parents", DenseI64ArrayAttr::get(getContext(), getParents()));
  else
    attributes.set("size", IntegerAttr::get(IntegerType::get(getContext(), 64), getSize()));
  if (getTogether() > 1)
    attributes.set("together", IntegerAttr::get(IntegerType::get(getContext(), 64), getTogether()));
}

static LogicalResult verifyCount(function_ref<InFlightDiagnostic()> emitError, int64_t count) {
  return count > 0 ? success() : emitError() << "expected a positive number but got " << count;
}
LogicalResult CandidatesType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t count) {
  return verifyCount(emitError, count);
}
LogicalResult GroupType::verify(function_ref<InFlightDiagnostic()> emitError, FlatSymbolRefAttr, int64_t count,
                                int64_t length) {
  constexpr int64_t kMost = 1 << 24; // numbers of draws have so many bits
  if (count <= 0 || count >= kMost || length <= 0 || length >= kMost)
    return emitError() << "expected 1 to " << kMost - 1 << " sequences of as many tokens but got " << count << " of "
                       << length;
  return success();
}
LogicalResult GuessesType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t count) {
  return verifyCount(emitError, count);
}
LogicalResult SuccessorsType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t count) {
  return verifyCount(emitError, count);
}
