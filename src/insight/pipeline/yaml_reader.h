#pragma once
// Section: checked access to one mapping of a parsed YAML document. Every error starts with the
// path ("features[2].scale: ..."), and only() refuses keys that nobody asked for.

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace mw::pipeline {

class Section {
 public:
    static Result<Section> root(const Json& document);

    bool has(std::string_view key) const { return object_ && object_->contains(key); }
    Error error(const std::string& message) const;

    Result<std::string> text(std::string_view key) const;
    Result<std::string> text_or(std::string_view key, std::string fallback) const;
    Result<double> number_or(std::string_view key, double fallback) const;  // finite
    Result<std::uint32_t> count(std::string_view key, std::uint32_t min, std::uint32_t max) const;
    Result<std::uint32_t> count_or(std::string_view key, std::uint32_t fallback, std::uint32_t min,
                                   std::uint32_t max) const;
    Result<nanoseconds> duration_or(std::string_view key, nanoseconds fallback) const;
    // The index of the value among `known`.
    Result<std::size_t> choice(std::string_view key, std::initializer_list<std::string_view> known,
                               std::string_view fallback) const;
    Result<Section> part(std::string_view key) const;  // empty where the key is missing
    Result<std::vector<Section>> list(std::string_view key, std::size_t most) const;  // not empty
    Result<void> only(std::initializer_list<std::string_view> known) const;

 private:
    Section(const JsonObject* object, std::string path) : object_(object), path_(std::move(path)) {}
    std::string path_of(std::string_view key) const;
    Error error_at(std::string_view key, const std::string& message) const;

    const JsonObject* object_;  // null: the section is missing, everything has its default
    std::string path_;
};

}  // namespace mw::pipeline
