#pragma once
// Regular expressions for what strangers send: RE2's syntax, matched in time linear in the text,
// with a limit on memory. So there are no backreferences and no lookahead.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mw {

class Pattern {
 public:
    // invalid_input says what is wrong with the text, and shows the part.
    static Result<Pattern> compile(std::string text);

    bool matches(std::string_view whole) const;  // any thread
    const std::string& text() const;

 private:
    struct Compiled;
    explicit Pattern(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace mw
