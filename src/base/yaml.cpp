// YAML in and out for base/json.h: the only file that sees yaml-cpp, whose exceptions end here.
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>

#include "base/json.h"

namespace mw {
namespace {

constexpr int depth_max = 64;

bool is_number_text(std::string_view text) {
    if (text.empty()) return false;
    if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
    return !text.empty() && ((text[0] >= '0' && text[0] <= '9') || text[0] == '.');
}

Json plain_scalar(const std::string& text) {
    if (text == "null" || text == "~" || text.empty()) return nullptr;
    if (text == "true" || text == "True") return true;
    if (text == "false" || text == "False") return false;
    if (!is_number_text(text)) return Json(text);
    const char* first = text.data() + (text[0] == '+');
    const char* last = text.data() + text.size();
    std::int64_t integer = 0;
    if (auto [end, e] = std::from_chars(first, last, integer); e == std::errc{} && end == last)
        return integer;
    double number = 0;
    if (auto [end, e] = std::from_chars(first, last, number); e == std::errc{} && end == last)
        return number;
    return Json(text);
}

Result<Json> convert(const YAML::Node& node, int depth) {
    if (depth > depth_max)
        return Error{Errc::invalid_input, "YAML is nested deeper than 64 levels at line " +
                                              std::to_string(node.Mark().line + 1)};
    switch (node.Type()) {
        case YAML::NodeType::Undefined:
        case YAML::NodeType::Null:
            return Json(nullptr);
        case YAML::NodeType::Scalar:
            if (node.Tag() == "!" || node.Tag() == "!!str") return Json(node.Scalar());
            return plain_scalar(node.Scalar());
        case YAML::NodeType::Sequence: {
            JsonArray array;
            for (const auto& part : node) {
                TRY(Json value, convert(part, depth + 1));
                array.push_back(std::move(value));
            }
            return Json(std::move(array));
        }
        case YAML::NodeType::Map: {
            JsonObject object;
            for (const auto& entry : node) {
                const std::string& key = entry.first.Scalar();
                if (object.contains(key))
                    return Error{Errc::invalid_input,
                                 "YAML: key '" + key + "' stands twice, second at line " +
                                     std::to_string(entry.first.Mark().line + 1)};
                TRY(Json value, convert(entry.second, depth + 1));
                object.emplace(key, std::move(value));
            }
            return Json(std::move(object));
        }
    }
    return Json(nullptr);
}

void emit(YAML::Emitter& out, const Json& value) {
    if (const auto* object = value.if_object()) {
        out << (object->empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
        for (const auto& [key, part] : *object) {
            out << YAML::Key << std::string(key) << YAML::Value;
            emit(out, part);
        }
        out << YAML::EndMap;
    } else if (const auto* array = value.if_array()) {
        out << (array->empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
        for (const auto& part : *array) emit(out, part);
        out << YAML::EndSeq;
    } else if (const auto* text = value.if_string()) {
        const std::string plain(*text);
        if (!plain_scalar(plain).is_string())
            out << YAML::DoubleQuoted << plain;  // would come back as a number or a boolean
        else
            out << plain;
    } else if (value.is_null()) {
        out << YAML::Null;
    } else {
        out << to_json(value);
    }
}

}  // namespace

Result<JsonArray> parse_yaml(std::string_view text) {
    try {
        JsonArray documents;
        for (const YAML::Node& node : YAML::LoadAll(std::string(text))) {
            if (node.IsNull()) continue;
            TRY(Json value, convert(node, 0));
            documents.push_back(std::move(value));
        }
        return documents;
    } catch (const YAML::Exception& e) {
        return Error{Errc::invalid_input, "YAML: " + e.msg + " at line " +
                                              std::to_string(e.mark.line + 1) + ", column " +
                                              std::to_string(e.mark.column + 1)};
    }
}

std::string to_yaml(const Json& value) {
    YAML::Emitter out;
    emit(out, value);
    return std::string(out.c_str()) + "\n";
}

}  // namespace mw
