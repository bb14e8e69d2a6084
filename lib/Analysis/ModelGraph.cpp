//===- ModelGraph.cpp - A picture of a model ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/ModelGraph.h"

#include "dialects/Lm/Lm.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/GraphWriter.h"

using namespace plait;

namespace {

class GraphPrinter {
public:
  explicit GraphPrinter(llvm::raw_ostream &out) : out(out) {}

  void print(lm::ModelOp model) {
    out << "digraph " << quote(model.getSymName()) << " {\n  node [shape=box, fontname=\"sans-serif\"];\n";
    for (lm::FuncOp function : model.getOps<lm::FuncOp>()) {
      if (function.isExternal())
        continue;
      openFrame("@" + function.getSymName().str());
      for (BlockArgument argument : function.getArguments())
        printNode(argument, "argument " + std::to_string(argument.getArgNumber()) + shapeOf(argument.getType()),
                  "shape=ellipse");
      for (Operation &op : function.getBody().front())
        print(&op);
      closeFrame();
    }
    out << edges << "}\n";
  }

private:
  void print(Operation *op) {
    if (auto layers = dyn_cast<lm::LayersOp>(op))
      return print(layers);
    if (isa<lm::GetWeightOp>(op)) // named in the boxes that use it
      return;
    std::string label = op->getName().stripDialect().str();
    if (auto named = dyn_cast<NameLoc>(op->getLoc()))
      label += "\n" + named.getName().str();
    for (Value operand : op->getOperands())
      if (auto weight = operand.getDefiningOp<lm::GetWeightOp>())
        label += "\n@" + weight.getWeight().getLeafReference().str();
    if (op->getNumResults())
      label += shapeOf(op->getResult(0).getType());
    unsigned node = printNode(Value(), label, op->getNumResults() ? "" : "shape=ellipse");
    for (Value operand : op->getOperands())
      if (auto from = nodes.find(operand); from != nodes.end())
        addEdge(from->second, node, "");
    for (Value result : op->getResults())
      nodes[result] = node;
  }

  /// The region as it is: what goes in is what the initial values are, what comes
  /// out is what it yields; a dashed edge leads to the next layer.
  void print(lm::LayersOp layers) {
    openFrame("layers " + std::to_string(layers.getBegin()) + " to " + std::to_string(layers.getEnd()));
    Block &body = layers.getBody().front();
    for (auto [argument, init] : llvm::zip(body.getArguments(), layers.getInits())) {
      unsigned node = printNode(argument, "carried " + std::to_string(argument.getArgNumber()), "shape=ellipse");
      if (auto from = nodes.find(init); from != nodes.end())
        addEdge(from->second, node, "");
    }
    for (Operation &op : body.without_terminator())
      print(&op);
    closeFrame();
    for (auto [argument, yielded, result] :
         llvm::zip(body.getArguments(), body.getTerminator()->getOperands(), layers.getResults())) {
      nodes[result] = nodes.lookup(yielded);
      addEdge(nodes[result], nodes[argument], "style=dashed, constraint=false");
    }
  }

  unsigned printNode(Value value, const std::string &label, StringRef style) {
    indent() << "n" << next << " [label=" << quote(label) << (style.empty() ? "" : ", ") << style << "];\n";
    if (value)
      nodes[value] = next;
    return next++;
  }

  void addEdge(unsigned from, unsigned to, StringRef style) {
    llvm::raw_string_ostream(edges) << "  n" << from << " -> n" << to << (style.empty() ? "" : " [") << style
                                    << (style.empty() ? "" : "]") << ";\n";
  }

  void openFrame(const std::string &label) {
    indent() << "subgraph cluster_" << next << "_" << ++depth << " {\n";
    indent() << "label=" << quote(label) << ";\n";
  }
  void closeFrame() {
    --depth;
    indent() << "}\n";
  }

  llvm::raw_ostream &indent() { return out.indent(2 * (depth + 1)); }
  static std::string quote(StringRef text) { return "\"" + llvm::DOT::EscapeString(text.str()) + "\""; }
  static std::string shapeOf(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return "";
    std::string text = "\n[";
    llvm::raw_string_ostream stream(text);
    unsigned named = 0;
    auto dims = dyn_cast_or_null<lm::DimsAttr>(tensor.getEncoding());
    llvm::interleaveComma(tensor.getShape(), stream, [&](int64_t extent) {
      if (!ShapedType::isDynamic(extent))
        stream << extent;
      else if (dims)
        stream << dims.getNames()[named++].getValue();
      else
        stream << "?";
    });
    return text + "]";
  }

  llvm::raw_ostream &out;
  llvm::DenseMap<Value, unsigned> nodes;
  std::string edges; ///< after the frames, so that no edge is drawn into one
  unsigned next = 0, depth = 0;
};

} // namespace

LogicalResult plait::writeModelGraph(Operation *root, llvm::raw_ostream &out) {
  bool any = false;
  root->walk([&](lm::ModelOp model) {
    GraphPrinter(out).print(model);
    any = true;
  });
  if (!any)
    return root->emitError("expected an 'lm.model' to draw but found none");
  return success();
}
