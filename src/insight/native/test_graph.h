#pragma once
// Writes ONNX files for tests and benchmarks, with everything the exporters use. Not for programs:
// it trusts its caller.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace mw::native {

class GraphWriter {
 public:
    using Dims = std::vector<std::int64_t>;

    // An attribute is made by one of these and given to node().
    static std::string attribute(std::string_view name, std::int64_t value) {
        return text(1, name) + number(3, static_cast<std::uint64_t>(value)) + number(20, 2);
    }
    static std::string attribute(std::string_view name, float value) {
        return text(1, name) + fixed(2, value) + number(20, 1);
    }
    static std::string attribute(std::string_view name, std::string_view value) {
        return text(1, name) + text(4, value) + number(20, 3);
    }
    static std::string attribute(std::string_view name, const char* value) {
        return attribute(name, std::string_view(value));
    }
    static std::string attribute(std::string_view name, const std::vector<float>& values) {
        return text(1, name) + text(7, bytes(values)) + number(20, 6);
    }
    static std::string attribute(std::string_view name, const Dims& values) {
        std::string list;
        for (const std::int64_t value : values) list += varint(static_cast<std::uint64_t>(value));
        return text(1, name) + text(8, list) + number(20, 7);
    }
    static std::string attribute(std::string_view name, const std::vector<std::string>& values) {
        std::string list;
        for (const std::string& value : values) list += text(9, value);
        return text(1, name) + list + number(20, 8);
    }

    void node(std::string_view op, const std::vector<std::string>& inputs,
              const std::vector<std::string>& outputs,
              const std::vector<std::string>& attributes = {}, std::string_view domain = {}) {
        std::string message;
        for (const std::string& name : inputs) message += text(1, name);
        for (const std::string& name : outputs) message += text(2, name);
        message += text(4, op);
        for (const std::string& one : attributes) message += text(5, one);
        if (!domain.empty()) message += text(7, domain);
        graph_ += text(1, message);
    }
    void constant(std::string_view name, const Dims& dims, const std::vector<float>& values) {
        tensor(name, dims, 1, bytes(values));
    }
    void constant(std::string_view name, const Dims& dims, const Dims& values) {
        tensor(name, dims, 7, bytes(values));
    }
    void constant(std::string_view name, const Dims& dims,
                  const std::vector<std::uint8_t>& values) {
        tensor(name, dims, 2, bytes(values));
    }
    void constant(std::string_view name, const Dims& dims, const std::vector<std::int8_t>& values) {
        tensor(name, dims, 3, bytes(values));
    }
    void input(std::string_view name, const Dims& dims) { graph_ += text(11, port(name, dims, 1)); }
    void output(std::string_view name, const Dims& dims) {
        graph_ += text(12, port(name, dims, 1));
    }
    void label(std::string_view name) { graph_ += text(12, port(name, {1}, 7)); }

    Bytes model(int opset = 13, int ml_opset = 3) const {
        std::string message = number(1, 7) + text(7, text(2, "g") + graph_);
        message += text(8, text(1, "") + number(2, static_cast<std::uint64_t>(opset)));
        message += text(8, text(1, "ai.onnx.ml") + number(2, static_cast<std::uint64_t>(ml_opset)));
        return {message.begin(), message.end()};
    }

 private:
    static std::string varint(std::uint64_t value) {
        std::string out;
        for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
        return out + static_cast<char>(value);
    }
    static std::string number(int field, std::uint64_t value) {
        return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
    }
    static std::string text(int field, std::string_view value) {
        return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(value.size()) +
               std::string(value);
    }
    static std::string fixed(int field, float value) {
        std::string out = varint(static_cast<std::uint64_t>(field) << 3 | 5);
        out.append(reinterpret_cast<const char*>(&value), sizeof value);
        return out;
    }
    template <class T>
    static std::string bytes(const std::vector<T>& values) {
        return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
    }
    void tensor(std::string_view name, const Dims& dims, int type, const std::string& raw) {
        std::string message;
        for (const std::int64_t dim : dims) message += number(1, static_cast<std::uint64_t>(dim));
        graph_ += text(5, message + number(2, static_cast<std::uint64_t>(type)) + text(8, name) +
                              text(9, raw));
    }
    static std::string port(std::string_view name, const Dims& dims, int type) {
        std::string shape;
        for (const std::int64_t dim : dims)
            shape += text(1, dim < 0 ? text(2, "N") : number(1, static_cast<std::uint64_t>(dim)));
        const std::string tensor = number(1, static_cast<std::uint64_t>(type)) + text(2, shape);
        return text(1, name) + text(2, text(1, tensor));
    }

    std::string graph_;
};

}  // namespace mw::native
