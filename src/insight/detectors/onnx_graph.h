#pragma once
// OnnxGraph: builds an ONNX file (opset 13, IR 7) node by node. The same calls give the same bytes.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace mw::detectors {

class OnnxGraph {
 public:
    explicit OnnxGraph(const std::string& name);
    ~OnnxGraph();

    void input(const std::string& name, std::initializer_list<std::int64_t> dims);
    void output(const std::string& name, std::initializer_list<std::int64_t> dims);
    void constant(const std::string& name, std::initializer_list<std::int64_t> dims,
                  std::span<const float> values);
    void constant(const std::string& name, std::initializer_list<std::int64_t> dims,
                  std::span<const std::int64_t> values);

    struct Attribute {
        std::string name;
        std::int64_t value;
        bool list = false;  // an INTS attribute with one element
    };
    void node(const std::string& op, std::initializer_list<std::string> inputs,
              std::initializer_list<std::string> outputs,
              std::initializer_list<Attribute> attributes = {});

    // The attributes of a TreeEnsembleRegressor (domain ai.onnx.ml, version 1): one target.
    struct Ensemble {
        std::vector<std::int64_t> features, nodes, trees, yes, no;
        std::vector<float> thresholds;
        std::vector<std::string> modes;  // BRANCH_LT, LEAF
        std::vector<std::int64_t> leaf_nodes, leaf_trees;
        std::vector<float> leaf_values;
        float base = 0;
        bool average = false;
    };
    void trees(const std::string& input, const std::string& output, const Ensemble& ensemble);

    Bytes bytes() const;

 private:
    struct Message;
    std::unique_ptr<Message> message_;
};

}  // namespace mw::detectors
