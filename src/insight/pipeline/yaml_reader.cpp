#include "insight/pipeline/yaml_reader.h"

#include <algorithm>
#include <cmath>

namespace mw::pipeline {
namespace {

Error invalid(std::string message) { return Error{Errc::invalid_input, std::move(message)}; }

}  // namespace

Result<Section> Section::root(const Json& document) {
    if (!document.is_object()) return invalid("the document must be a mapping");
    return Section(&document.get_object(), "");
}

std::string Section::path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

Error Section::error(const std::string& message) const {
    return invalid(path_.empty() ? message : path_ + "." + message);
}

Error Section::error_at(std::string_view key, const std::string& message) const {
    return invalid(path_of(key) + ": " + message);
}

Result<std::string> Section::text(std::string_view key) const {
    if (!has(key)) return error_at(key, "is missing");
    const Json& value = object_->at(key);
    if (!value.is_string() || value.get_string().empty())
        return error_at(key, "must be a text; put it in quotes");
    if (value.get_string().size() > 256) return error_at(key, "is longer than 256 bytes");
    return std::string(value.get_string());
}

Result<std::string> Section::text_or(std::string_view key, std::string fallback) const {
    if (!has(key)) return fallback;
    return text(key);
}

Result<double> Section::number_or(std::string_view key, double fallback) const {
    if (!has(key)) return fallback;
    const Json& value = object_->at(key);
    if (!value.is_number()) return error_at(key, "must be a number");
    const auto number = value.to_number<double>();
    if (!std::isfinite(number)) return error_at(key, "must be finite");
    return number;
}

Result<std::uint32_t> Section::count(std::string_view key, std::uint32_t min,
                                     std::uint32_t max) const {
    const std::string range = std::to_string(min) + " to " + std::to_string(max);
    if (!has(key)) return error_at(key, "is missing; it is a whole number, " + range);
    const Json& value = object_->at(key);
    if (!value.is_int64() || value.get_int64() < min || value.get_int64() > max)
        return error_at(key, "must be a whole number, " + range);
    return static_cast<std::uint32_t>(value.get_int64());
}

Result<std::uint32_t> Section::count_or(std::string_view key, std::uint32_t fallback,
                                        std::uint32_t min, std::uint32_t max) const {
    if (!has(key)) return fallback;
    return count(key, min, max);
}

Result<nanoseconds> Section::duration_or(std::string_view key, nanoseconds fallback) const {
    if (!has(key)) return fallback;
    const Json& value = object_->at(key);
    if (!value.is_string()) return error_at(key, "must be a duration like 250ms, 60s or 1h30m");
    auto duration = parse_duration(std::string_view(value.get_string()));
    if (!duration) return error_at(key, duration.error().message);
    if (duration->count() < 0 || *duration > hours{24 * 366})
        return error_at(key, "must be between 0 and 366 days");
    return *duration;
}

Result<std::size_t> Section::choice(std::string_view key,
                                    std::initializer_list<std::string_view> known,
                                    std::string_view fallback) const {
    std::string_view wanted = fallback;
    std::string text;
    if (has(key)) {
        const Json& value = object_->at(key);
        // YAML reads a bare `on` or `off` as text here, and true and false as booleans.
        if (value.is_string()) text = std::string(value.get_string());
        wanted = text;
    }
    const auto found = std::find(known.begin(), known.end(), wanted);
    if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
    std::string list;
    for (const auto name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    return error_at(key, "must be one of " + list);
}

Result<Section> Section::part(std::string_view key) const {
    if (!has(key)) return Section(nullptr, path_of(key));
    const Json& value = object_->at(key);
    if (!value.is_object()) return error_at(key, "must be a mapping");
    return Section(&value.get_object(), path_of(key));
}

Result<std::vector<Section>> Section::list(std::string_view key, std::size_t most) const {
    if (!has(key)) return error_at(key, "is missing");
    const Json& value = object_->at(key);
    if (!value.is_array() || value.get_array().empty() || value.get_array().size() > most)
        return error_at(key, "must be a list of 1 to " + std::to_string(most) + " mappings");
    std::vector<Section> parts;
    for (const Json& item : value.get_array()) {
        std::string path = path_of(key) + "[" + std::to_string(parts.size()) + "]";
        if (!item.is_object()) return invalid(path + ": must be a mapping");
        parts.push_back(Section(&item.get_object(), std::move(path)));
    }
    return parts;
}

Result<void> Section::only(std::initializer_list<std::string_view> known) const {
    if (!object_) return {};
    for (const auto& [key, value] : *object_) {
        if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
        std::string list;
        for (const auto name : known) list += (list.empty() ? "" : ", ") + std::string(name);
        return error_at(std::string_view(key), "is not known here; known are " + list);
    }
    return {};
}

}  // namespace mw::pipeline
