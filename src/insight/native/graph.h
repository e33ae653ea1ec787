#pragma once
// An ONNX file as plain values: what the matcher looks at. Names and texts are views of the file's
// bytes, which must live as long as the graph. Limits: GraphLimits, checked before allocating.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace mw::native {

struct GraphLimits {
    std::size_t bytes_max = 64u << 20;
    std::size_t numbers_max = 24u << 20;  // in all attributes and constants together
    std::size_t nodes_max = 4096;
    std::size_t names_max = 65536;  // of tensors, attributes, inputs and outputs
};

enum class ElementType : int { unknown = 0, f32 = 1, i32 = 6, i64 = 7, boolean = 9, f64 = 11 };

// Numbers of a constant: floats (also of doubles, which must not lose anything) or integers.
struct Tensor {
    std::string_view name;
    ElementType type = ElementType::unknown;
    bool outside = false;  // its numbers lie in another file
    std::vector<std::int64_t> dims;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;

    std::size_t size() const { return floats.size() + integers.size(); }
};

struct Attribute {
    std::string_view name;
    float f = 0;
    std::int64_t i = 0;
    std::string_view s;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;
    std::vector<std::string_view> strings;
    std::vector<Tensor> tensor;  // none or one
    bool graph = false;          // it has a graph inside
};

struct Node {
    std::string_view op;
    std::string_view domain;
    std::vector<std::string_view> inputs;
    std::vector<std::string_view> outputs;
    std::vector<Attribute> attributes;

    const Attribute* find(std::string_view name) const;
    std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
    float number(std::string_view name, float otherwise) const;
    std::string_view text(std::string_view name, std::string_view otherwise) const;
};

// An input or output of the graph. dims of -1 are free.
struct Port {
    std::string_view name;
    ElementType type = ElementType::unknown;
    bool tensor = false;
    std::vector<std::int64_t> dims;
};

struct Graph {
    std::int64_t opset = 0;  // of the domain ""
    std::vector<Node> nodes;
    std::vector<Tensor> constants;
    std::vector<Port> inputs;  // without those that a constant fills
    std::vector<Port> outputs;
};

Result<Graph> read_graph(ByteView onnx, const GraphLimits& limits = {});

}  // namespace mw::native
