#include "trust/jwt/strict.h"

#include <algorithm>

namespace mw::jwt {
namespace {

constexpr int levels_max = 16;

// Each member of valid JSON has one colon outside strings.
struct Outline {
    std::size_t members = 0;
    int levels = 0;
};

Outline outline_of(std::string_view text) {
    Outline outline;
    int level = 0;
    bool inside_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inside_string) {
            if (c == '\\') ++i;
            if (c == '"') inside_string = false;
        } else if (c == '"') {
            inside_string = true;
        } else if (c == ':') {
            ++outline.members;
        } else if (c == '{' || c == '[') {
            outline.levels = std::max(outline.levels, ++level);
        } else if (c == '}' || c == ']') {
            --level;
        }
    }
    return outline;
}

// Depth is bounded by levels_max.
std::size_t members_of(const Json& value) {
    std::size_t count = 0;
    if (const auto* object = value.if_object())
        for (const auto& member : *object) count += 1 + members_of(member.value());
    if (const auto* array = value.if_array())
        for (const auto& part : *array) count += members_of(part);
    return count;
}

}  // namespace

Result<Bytes> strict_base64url(std::string_view text) {
    const bool alphabet = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
    if (!alphabet) return Error{Errc::invalid_input, "not base64url without padding"};
    TRY(auto bytes, from_base64(text));
    // Two texts for the same bytes would be two names for one token.
    if (to_base64url(bytes) != text)
        return Error{Errc::invalid_input, "base64url with bits left over"};
    return bytes;
}

Result<JsonObject> strict_object(std::string_view text) {
    const auto outline = outline_of(text);
    if (outline.levels > levels_max)
        return Error{Errc::invalid_input, "JSON: more than 16 levels deep"};
    TRY(auto value, parse_json(text));
    auto* object = value.if_object();
    if (!object) return Error{Errc::invalid_input, "JSON: not an object"};
    // Where a name stands twice, readers differ in which they take.
    if (members_of(value) != outline.members)
        return Error{Errc::invalid_input, "JSON: a member stands twice"};
    return std::move(*object);
}

bool is_plain(std::string_view text, std::size_t most) {
    return !text.empty() && text.size() <= most &&
           std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace mw::jwt
