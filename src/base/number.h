#pragma once
// A whole text as one number.

#include <charconv>
#include <string_view>

namespace mw {

// False, and `value` unspecified, when the text is anything but one number of this type.
template <class T>
bool read_number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace mw
