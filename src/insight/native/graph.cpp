#include "insight/native/graph.h"

#include <set>

#include "insight/native/wire.h"

namespace mw::native {
namespace {

Error bad_graph(std::string message) {
    return Error{Errc::invalid_input, "the ONNX file " + std::move(message)};
}

// Reads one message each; field numbers are those of onnx.proto, IR version 3 and later.
class GraphReader {
 public:
    explicit GraphReader(const GraphLimits& limits)
        : numbers_left_(limits.numbers_max),
          nodes_left_(limits.nodes_max),
          names_left_(limits.names_max) {}

    bool model(ByteView bytes, Graph& out);
    const char* why() const { return why_; }

 private:
    bool graph(ByteView bytes, Graph& out);
    bool opset(ByteView bytes, Graph& out);
    bool node(ByteView bytes, Node& out);
    bool attribute(ByteView bytes, Attribute& out);
    bool tensor(ByteView bytes, Tensor& out);
    bool raw(ByteView bytes, Tensor& out);
    bool port(ByteView bytes, Port& out);
    bool type(ByteView bytes, Port& out);
    bool shape(ByteView bytes, Port& out);
    bool tensor_type(ByteView bytes, Port& out);

    bool integers(const WireField& field, std::vector<std::int64_t>& out);
    bool floats(const WireField& field, std::vector<float>& out);
    bool doubles(const WireField& field, std::vector<float>& out);
    bool name(const WireField& field, std::vector<std::string_view>& out);
    bool take(std::size_t& left, std::size_t count, const char* why);
    bool fail(const char* why) { return why_ = why, false; }

    std::size_t numbers_left_, nodes_left_, names_left_;
    const char* why_ = "is cut off or no protocol buffer";
};

bool GraphReader::take(std::size_t& left, std::size_t count, const char* why) {
    if (count > left) return fail(why);
    left -= count;
    return true;
}

bool GraphReader::model(ByteView bytes, Graph& out) {
    WireReader wire(bytes);
    bool seen = false;
    for (WireField field; wire.next(field);) {
        if (field.number == 7) {
            if (seen) return fail("has two graphs");
            seen = true;
            if (!graph(field.bytes, out)) return false;
        }
        if (field.number == 8 && !opset(field.bytes, out)) return false;
    }
    if (!wire.broken() && !seen) return fail("has no graph");
    return !wire.broken();
}

bool GraphReader::opset(ByteView bytes, Graph& out) {
    WireReader wire(bytes);
    std::string_view domain;
    std::int64_t version = 0;
    for (WireField field; wire.next(field);) {
        if (field.number == 1) domain = text_of(field.bytes);
        if (field.number == 2) version = static_cast<std::int64_t>(field.value);
    }
    if (domain.empty() || domain == "ai.onnx") out.opset = version;
    return !wire.broken();
}

bool GraphReader::graph(ByteView bytes, Graph& out) {
    WireReader wire(bytes);
    std::vector<Port> inputs;
    for (WireField field; wire.next(field);) {
        switch (field.number) {
            case 1:
                if (!take(nodes_left_, 1, "has more nodes than the native engine takes") ||
                    !node(field.bytes, out.nodes.emplace_back()))
                    return false;
                break;
            case 5:
                if (!take(names_left_, 1, "has too many constants") ||
                    !tensor(field.bytes, out.constants.emplace_back()))
                    return false;
                break;
            case 11:
            case 12:
                if (!take(names_left_, 1, "has too many inputs or outputs") ||
                    !port(field.bytes, (field.number == 11 ? inputs : out.outputs).emplace_back()))
                    return false;
                break;
            default:
                break;
        }
    }
    std::set<std::string_view> filled;
    for (const Tensor& constant : out.constants) filled.insert(constant.name);
    for (Port& input : inputs)
        if (!filled.contains(input.name)) out.inputs.push_back(std::move(input));
    return !wire.broken();
}

bool GraphReader::name(const WireField& field, std::vector<std::string_view>& out) {
    if (!take(names_left_, 1, "has too many names")) return false;
    out.push_back(text_of(field.bytes));
    return true;
}

bool GraphReader::node(ByteView bytes, Node& out) {
    WireReader wire(bytes);
    for (WireField field; wire.next(field);) {
        switch (field.number) {
            case 1:
                if (!name(field, out.inputs)) return false;
                break;
            case 2:
                if (!name(field, out.outputs)) return false;
                break;
            case 4:
                out.op = text_of(field.bytes);
                break;
            case 5:
                if (!take(names_left_, 1, "has too many attributes") ||
                    !attribute(field.bytes, out.attributes.emplace_back()))
                    return false;
                break;
            case 7:
                out.domain = text_of(field.bytes);
                break;
            default:
                break;
        }
    }
    return !wire.broken();
}

bool GraphReader::attribute(ByteView bytes, Attribute& out) {
    WireReader wire(bytes);
    for (WireField field; wire.next(field);) {
        switch (field.number) {
            case 1:
                out.name = text_of(field.bytes);
                break;
            case 2:
                out.f = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
                break;
            case 3:
                out.i = static_cast<std::int64_t>(field.value);
                break;
            case 4:
                out.s = text_of(field.bytes);
                break;
            case 5:
                if (!out.tensor.empty()) return fail("has an attribute with two tensors");
                if (!tensor(field.bytes, out.tensor.emplace_back())) return false;
                break;
            case 6:
            case 11:
                out.graph = true;
                break;
            case 7:
                if (!floats(field, out.floats)) return false;
                break;
            case 8:
                if (!integers(field, out.integers)) return false;
                break;
            case 9:
                if (!take(numbers_left_, 2, "has too many texts")) return false;
                out.strings.push_back(text_of(field.bytes));
                break;
            default:
                break;
        }
    }
    return !wire.broken();
}

bool GraphReader::integers(const WireField& field, std::vector<std::int64_t>& out) {
    if (field.type == WireType::varint) {
        if (!take(numbers_left_, 1, "has too many numbers")) return false;
        out.push_back(static_cast<std::int64_t>(field.value));
        return true;
    }
    WireReader wire(field.bytes);
    std::uint64_t value = 0;
    // Every number takes a byte or more: growing is bounded by what there is.
    while (!wire.at_end() && wire.varint(value)) {
        if (!take(numbers_left_, 1, "has too many numbers")) return false;
        out.push_back(static_cast<std::int64_t>(value));
    }
    return !wire.broken();
}

bool GraphReader::floats(const WireField& field, std::vector<float>& out) {
    if (field.type == WireType::fixed32) {
        if (!take(numbers_left_, 1, "has too many numbers")) return false;
        out.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(field.value)));
        return true;
    }
    const std::size_t count = field.bytes.size() / sizeof(float);
    if (field.type != WireType::bytes || field.bytes.size() % sizeof(float) != 0) return false;
    if (!take(numbers_left_, count, "has too many numbers")) return false;
    const std::size_t before = out.size();
    out.resize(before + count);
    if (count > 0) std::memcpy(out.data() + before, field.bytes.data(), field.bytes.size());
    return true;
}

// Doubles that floats hold exactly are taken as floats; others keep their type, and no numbers.
bool GraphReader::doubles(const WireField& field, std::vector<float>& out) {
    const std::size_t count = field.bytes.size() / sizeof(double);
    if (field.type != WireType::bytes || field.bytes.size() % sizeof(double) != 0) return true;
    if (!take(numbers_left_, count, "has too many numbers")) return false;
    std::vector<float> found(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto value = load_le<double>(field.bytes.data() + i * sizeof(double));
        found[i] = static_cast<float>(value);
        if (static_cast<double>(found[i]) != value) return true;
    }
    out.insert(out.end(), found.begin(), found.end());
    return true;
}

bool GraphReader::tensor(ByteView bytes, Tensor& out) {
    WireReader wire(bytes);
    ByteView raw_bytes;
    for (WireField field; wire.next(field);) {
        switch (field.number) {
            case 1:
                if (!integers(field, out.dims)) return false;
                break;
            case 2:
                out.type = static_cast<ElementType>(static_cast<int>(field.value));
                break;
            case 4:
                if (!floats(field, out.floats)) return false;
                break;
            case 5:
            case 7:
                if (!integers(field, out.integers)) return false;
                break;
            case 8:
                out.name = text_of(field.bytes);
                break;
            case 9:
                raw_bytes = field.bytes;
                break;
            case 10:
                if (!doubles(field, out.floats)) return false;
                break;
            case 13:
                out.outside = true;
                break;
            case 14:
                out.outside = out.outside || field.value != 0;
                break;
            default:
                break;
        }
    }
    return !wire.broken() && raw(raw_bytes, out);
}

bool GraphReader::raw(ByteView bytes, Tensor& out) {
    if (bytes.empty()) return true;
    const WireField field{9, WireType::bytes, bytes.size(), bytes};
    std::size_t width = 0;
    switch (out.type) {
        case ElementType::f32:
            return floats(field, out.floats);
        case ElementType::f64:
            return doubles(field, out.floats);
        case ElementType::i64:
            width = 8;
            break;
        case ElementType::i32:
            width = 4;
            break;
        case ElementType::boolean:
            width = 1;
            break;
        default:
            return true;  // the matcher refuses it when it is used
    }
    if (bytes.size() % width != 0) return fail("has a constant whose size does not fit its type");
    const std::size_t count = bytes.size() / width;
    if (!take(numbers_left_, count, "has too many numbers")) return false;
    out.integers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* at = bytes.data() + i * width;
        out.integers.push_back(width == 8   ? load_le<std::int64_t>(at)
                               : width == 4 ? load_le<std::int32_t>(at)
                                            : *at);
    }
    return true;
}

bool GraphReader::port(ByteView bytes, Port& out) {
    WireReader wire(bytes);
    for (WireField field; wire.next(field);) {
        if (field.number == 1) out.name = text_of(field.bytes);
        if (field.number == 2 && !type(field.bytes, out)) return false;
    }
    return !wire.broken();
}

bool GraphReader::type(ByteView bytes, Port& out) {
    WireReader wire(bytes);
    for (WireField field; wire.next(field);) {
        out.tensor = field.number == 1;
        if (out.tensor && !tensor_type(field.bytes, out)) return false;
    }
    return !wire.broken();
}

bool GraphReader::tensor_type(ByteView bytes, Port& out) {
    WireReader wire(bytes);
    for (WireField field; wire.next(field);) {
        if (field.number == 1) out.type = static_cast<ElementType>(static_cast<int>(field.value));
        if (field.number == 2 && !shape(field.bytes, out)) return false;
    }
    return !wire.broken();
}

bool GraphReader::shape(ByteView bytes, Port& out) {
    WireReader wire(bytes);
    for (WireField field; wire.next(field);) {
        if (field.number != 1) continue;
        if (!take(names_left_, 1, "has too many dimensions")) return false;
        std::int64_t size = -1;
        WireReader dimension(field.bytes);
        for (WireField one; dimension.next(one);)
            if (one.number == 1) size = static_cast<std::int64_t>(one.value);
        if (dimension.broken()) return false;
        out.dims.push_back(size);
    }
    return !wire.broken();
}

}  // namespace

const Attribute* Node::find(std::string_view name) const {
    for (const Attribute& attribute : attributes)
        if (attribute.name == name) return &attribute;
    return nullptr;
}

std::int64_t Node::integer(std::string_view name, std::int64_t otherwise) const {
    const Attribute* found = find(name);
    return found ? found->i : otherwise;
}

float Node::number(std::string_view name, float otherwise) const {
    const Attribute* found = find(name);
    return found ? found->f : otherwise;
}

std::string_view Node::text(std::string_view name, std::string_view otherwise) const {
    const Attribute* found = find(name);
    return found ? found->s : otherwise;
}

Result<Graph> read_graph(ByteView onnx, const GraphLimits& limits) {
    if (onnx.empty()) return bad_graph("is empty");
    if (onnx.size() > limits.bytes_max)
        return bad_graph("has " + std::to_string(onnx.size()) + " bytes, more than " +
                         std::to_string(limits.bytes_max));
    Graph graph;
    GraphReader reader(limits);
    if (!reader.model(onnx, graph)) return bad_graph(reader.why());
    return graph;
}

}  // namespace mw::native
