#include "insight/detectors/onnx_graph.h"

#include "onnx_subset.pb.h"

namespace mw::detectors {
namespace {

void set_type(mw::onnx::ValueInfoProto& value, const std::string& name,
              std::initializer_list<std::int64_t> dims) {
    value.set_name(name);
    auto* tensor = value.mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(mw::onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) tensor->mutable_shape()->add_dim()->set_dim_value(dim);
}

}  // namespace

struct OnnxGraph::Message {
    mw::onnx::ModelProto model;
    mw::onnx::TensorProto& add_constant(const std::string& name,
                                        std::initializer_list<std::int64_t> dims, int type,
                                        const void* data, std::size_t size) {
        auto& tensor = *model.mutable_graph()->add_initializer();
        tensor.set_name(name);
        tensor.set_data_type(type);
        for (const std::int64_t dim : dims) tensor.add_dims(dim);
        tensor.set_raw_data(data, size);
        return tensor;
    }
};

OnnxGraph::OnnxGraph(const std::string& name) : message_(std::make_unique<Message>()) {
    auto& model = message_->model;
    model.set_ir_version(7);
    model.set_producer_name("millwright");
    auto* opset = model.add_opset_import();
    opset->set_domain("");
    opset->set_version(13);
    model.mutable_graph()->set_name(name);
}

OnnxGraph::~OnnxGraph() = default;

void OnnxGraph::input(const std::string& name, std::initializer_list<std::int64_t> dims) {
    set_type(*message_->model.mutable_graph()->add_input(), name, dims);
}

void OnnxGraph::output(const std::string& name, std::initializer_list<std::int64_t> dims) {
    set_type(*message_->model.mutable_graph()->add_output(), name, dims);
}

void OnnxGraph::constant(const std::string& name, std::initializer_list<std::int64_t> dims,
                         std::span<const float> values) {
    message_->add_constant(name, dims, mw::onnx::TensorProto::FLOAT, values.data(),
                           values.size_bytes());
}

void OnnxGraph::constant(const std::string& name, std::initializer_list<std::int64_t> dims,
                         std::span<const std::int64_t> values) {
    message_->add_constant(name, dims, mw::onnx::TensorProto::INT64, values.data(),
                           values.size_bytes());
}

void OnnxGraph::node(const std::string& op, std::initializer_list<std::string> inputs,
                     std::initializer_list<std::string> outputs,
                     std::initializer_list<Attribute> attributes) {
    auto& node = *message_->model.mutable_graph()->add_node();
    node.set_op_type(op);
    node.set_name(*outputs.begin());
    for (const auto& name : inputs) node.add_input(name);
    for (const auto& name : outputs) node.add_output(name);
    for (const Attribute& given : attributes) {
        auto& attribute = *node.add_attribute();
        attribute.set_name(given.name);
        if (given.list) {
            attribute.set_type(mw::onnx::AttributeProto::INTS);
            attribute.add_ints(given.value);
        } else {
            attribute.set_type(mw::onnx::AttributeProto::INT);
            attribute.set_i(given.value);
        }
    }
}

void OnnxGraph::trees(const std::string& input, const std::string& output, const Ensemble& e) {
    using mw::onnx::AttributeProto;
    auto& model = message_->model;
    if (model.opset_import_size() == 1) {
        auto* opset = model.add_opset_import();
        opset->set_domain("ai.onnx.ml");
        opset->set_version(1);
    }
    auto& node = *model.mutable_graph()->add_node();
    node.set_op_type("TreeEnsembleRegressor");
    node.set_domain("ai.onnx.ml");
    node.set_name(output);
    node.add_input(input);
    node.add_output(output);
    const auto add = [&](const char* name, AttributeProto::AttributeType type) -> auto& {
        auto& attribute = *node.add_attribute();
        attribute.set_name(name);
        attribute.set_type(type);
        return attribute;
    };
    const auto ints = [&](const char* name, const std::vector<std::int64_t>& values) {
        auto& list = *add(name, AttributeProto::INTS).mutable_ints();
        list.Add(values.begin(), values.end());
    };
    const auto floats = [&](const char* name, const std::vector<float>& values) {
        auto& list = *add(name, AttributeProto::FLOATS).mutable_floats();
        list.Add(values.begin(), values.end());
    };
    add("aggregate_function", AttributeProto::STRING).set_s(e.average ? "AVERAGE" : "SUM");
    floats("base_values", {e.base});
    add("n_targets", AttributeProto::INT).set_i(1);
    ints("nodes_falsenodeids", e.no);
    ints("nodes_featureids", e.features);
    auto& modes = add("nodes_modes", AttributeProto::STRINGS);
    for (const std::string& mode : e.modes) modes.add_strings(mode);
    ints("nodes_nodeids", e.nodes);
    ints("nodes_treeids", e.trees);
    ints("nodes_truenodeids", e.yes);
    floats("nodes_values", e.thresholds);
    add("post_transform", AttributeProto::STRING).set_s("NONE");
    ints("target_ids", std::vector<std::int64_t>(e.leaf_nodes.size(), 0));
    ints("target_nodeids", e.leaf_nodes);
    ints("target_treeids", e.leaf_trees);
    floats("target_weights", e.leaf_values);
}

Bytes OnnxGraph::bytes() const {
    const std::string text = message_->model.SerializeAsString();
    return {text.begin(), text.end()};
}

}  // namespace mw::detectors
