#include "domain/resource.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mw {
namespace {

constexpr std::array<std::string_view, 11> known_keys = {
    "kind",       "name",     "domain",  "labels",  "spec",      "status",
    "generation", "revision", "created", "updated", "apiVersion"};

bool is_name(std::string_view name) {
    const auto legal = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= 63 && name[0] != '.' && name[0] != '_' &&
           name[0] != '-' && std::all_of(name.begin(), name.end(), legal);
}

Result<std::uint64_t> read_count(const Json& value, std::string_view key) {
    const Json* part = find(value, key);
    if (!part || part->is_null()) return std::uint64_t{0};
    if (const auto number = find_integer(value, key); number && *number >= 0)
        return static_cast<std::uint64_t>(*number);
    if (part->is_string()) {
        const auto& text = part->get_string();
        std::uint64_t number = 0;
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc{} && end == text.data() + text.size()) return number;
    }
    return Error{Errc::invalid_input, "'" + std::string(key) + "' must be a revision as returned"};
}

Result<> read_labels(const Json& value, std::map<std::string, std::string>& labels) {
    const Json* part = find(value, "labels");
    if (!part || part->is_null()) return {};
    if (!part->is_object()) return Error{Errc::invalid_input, "'labels' must be a map of strings"};
    if (part->get_object().size() > 64) return Error{Errc::invalid_input, "more than 64 labels"};
    for (const auto& [key, label] : part->get_object()) {
        if (!label.is_string() || key.size() > 63 || label.get_string().size() > 63)
            return Error{Errc::invalid_input, "label '" + std::string(key.substr(0, 63)) +
                                                  "' must be a string of at most 63 characters"};
        labels.emplace(key, label.get_string());
    }
    return {};
}

}  // namespace

Json to_json(const Resource& r) {
    JsonObject labels;
    for (const auto& [key, label] : r.labels) labels.emplace(key, label);
    return JsonObject{{"kind", r.kind},
                      {"name", r.name},
                      {"domain", r.domain},
                      {"labels", std::move(labels)},
                      {"spec", r.spec},
                      {"status", r.status},
                      {"generation", r.generation},
                      {"revision", std::to_string(r.revision)},
                      {"created", to_iso8601(r.created)},
                      {"updated", to_iso8601(r.updated)}};
}

Result<Resource> resource_from_json(const Json& value) {
    if (!value.is_object())
        return Error{Errc::invalid_input, "a resource must be an object with kind, name and spec"};
    for (const auto& [key, part] : value.get_object())
        if (std::find(known_keys.begin(), known_keys.end(), key) == known_keys.end())
            return Error{Errc::invalid_input,
                         "unknown key '" + std::string(key) +
                             "' (want kind, name, domain, labels, spec; the rest goes under spec)"};
    Resource r;
    TRY(r.kind, want_string(value, "kind"));
    TRY(r.name, want_string(value, "name"));
    if (!is_name(r.name))
        return Error{Errc::invalid_input,
                     "name '" + r.name.substr(0, 80) +
                         "' is not legal: 1 to 63 of a-z 0-9 . _ - and a letter or digit first"};
    if (const Json* domain = find(value, "domain"); domain && !domain->is_null()) {
        TRY(r.domain, want_string(value, "domain"));
        if (!is_name(r.domain)) return Error{Errc::invalid_input, "'domain' is not a legal name"};
    }
    TRY_VOID(read_labels(value, r.labels));
    if (const Json* spec = find(value, "spec"); spec && !spec->is_null()) r.spec = *spec;
    if (const Json* status = find(value, "status"); status && !status->is_null())
        r.status = *status;
    if (!r.spec.is_object() || !r.status.is_object())
        return Error{Errc::invalid_input, "'spec' and 'status' must be objects"};
    TRY(r.generation, read_count(value, "generation"));
    TRY(r.revision, read_count(value, "revision"));
    if (auto text = find_string(value, "created")) {
        TRY(r.created, parse_iso8601(*text));
    }
    if (auto text = find_string(value, "updated")) {
        TRY(r.updated, parse_iso8601(*text));
    }
    return r;
}

}  // namespace mw
