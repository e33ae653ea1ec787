#include "domain/selector.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace mw {
namespace {

constexpr std::size_t max_terms = 16;
constexpr std::size_t max_term_bytes = 256;

enum class What { labels, fields };

Error fault(std::string_view text, std::size_t at, std::string_view wanted) {
    return {Errc::invalid_input, "selector '" + std::string(text.substr(0, 80)) +
                                     "' at character " + std::to_string(at + 1) + ": " +
                                     std::string(wanted)};
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool is_key(std::string_view key) {
    const auto legal = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' ||
               c == '/';
    };
    return !key.empty() && std::all_of(key.begin(), key.end(), legal);
}

bool is_value(std::string_view value) {
    return std::none_of(value.begin(), value.end(), [](char c) {
        return c == '=' || c == '!' || static_cast<unsigned char>(c) < 0x20;
    });
}

bool is_field(std::string_view key) {
    return key == "name" || key == "domain" || key.starts_with("spec.") ||
           key.starts_with("status.");
}

Result<SelectorTerm> parse_term(std::string_view whole, std::string_view term, What what) {
    const auto at = static_cast<std::size_t>(term.data() - whole.data());
    SelectorTerm parsed;
    const auto equals = term.find('=');
    if (equals == std::string_view::npos) {
        const bool absent = term.starts_with('!');
        parsed.test = absent ? SelectorTerm::Test::absent : SelectorTerm::Test::exists;
        parsed.key = trim(term.substr(absent ? 1 : 0));
        if (what == What::fields) return fault(whole, at, "want path=value or path!=value");
    } else {
        const bool negated = equals > 0 && term[equals - 1] == '!';
        const bool doubled = term.substr(equals).starts_with("==");
        parsed.test = negated ? SelectorTerm::Test::not_equal : SelectorTerm::Test::equal;
        parsed.key = trim(term.substr(0, equals - (negated ? 1 : 0)));
        parsed.value = trim(term.substr(equals + (doubled ? 2 : 1)));
    }
    if (!is_key(parsed.key))
        return fault(whole, at,
                     "want key=value, key!=value, key or !key (keys of letters, digits . _ - /)");
    if (!is_value(parsed.value))
        return fault(whole, at, "a value may not contain = ! or control characters");
    if (what == What::fields && !is_field(parsed.key))
        return fault(whole, at, "a field is name, domain, or a path under spec or status");
    return parsed;
}

Result<Selector> parse(std::string_view text, What what) {
    Selector selector;
    if (trim(text).empty()) return selector;
    for (std::size_t from = 0; from <= text.size();) {
        const auto comma = std::min(text.find(',', from), text.size());
        const auto term = trim(text.substr(from, comma - from));
        if (term.empty()) return fault(text, from, "an empty term");
        if (term.size() > max_term_bytes) return fault(text, from, "a term of more than 256 bytes");
        if (selector.size() == max_terms) return fault(text, from, "more than 16 terms");
        TRY(auto parsed, parse_term(text, term, what));
        selector.push_back(std::move(parsed));
        from = comma + 1;
    }
    return selector;
}

std::string shortest(double number) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::optional<std::string> field(const Resource& resource, const std::string& path) {
    if (path == "name") return resource.name;
    if (path == "domain") return resource.domain;
    const bool in_spec = path.starts_with("spec.");
    const Json* part =
        find(in_spec ? resource.spec : resource.status, path.substr(in_spec ? 5 : 7));
    if (!part || part->is_null()) return std::nullopt;
    if (part->is_string()) return std::string(part->get_string());
    if (part->is_double()) return shortest(part->get_double());  // "1.5", as people write it
    return to_json(*part);
}

}  // namespace

Result<Selector> parse_label_selector(std::string_view text) { return parse(text, What::labels); }
Result<Selector> parse_field_selector(std::string_view text) { return parse(text, What::fields); }

bool matches_labels(const Selector& selector, const std::map<std::string, std::string>& labels) {
    return std::all_of(selector.begin(), selector.end(), [&](const SelectorTerm& term) {
        const auto label = labels.find(term.key);
        const bool there = label != labels.end();
        switch (term.test) {
            case SelectorTerm::Test::equal:
                return there && label->second == term.value;
            case SelectorTerm::Test::not_equal:
                return !there || label->second != term.value;
            case SelectorTerm::Test::exists:
                return there;
            case SelectorTerm::Test::absent:
                return !there;
        }
        return false;
    });
}

bool matches_fields(const Selector& selector, const Resource& resource) {
    return std::all_of(selector.begin(), selector.end(), [&](const SelectorTerm& term) {
        const bool equal = field(resource, term.key) == term.value;
        return term.test == SelectorTerm::Test::equal ? equal : !equal;
    });
}

}  // namespace mw
