#include "platform/pattern/pattern.h"

#include <re2/re2.h>

namespace mw {

struct Pattern::Compiled {
    explicit Compiled(const std::string& text) : expression(text, options()) {}
    static RE2::Options options() {
        constexpr std::int64_t memory_bytes_max = 1 << 20;
        RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(memory_bytes_max);
        return options;
    }
    RE2 expression;
};

Result<Pattern> Pattern::compile(std::string text) {
    auto compiled = std::make_shared<const Compiled>(text);
    const RE2& expression = compiled->expression;
    if (expression.ok()) return Pattern(std::move(compiled));
    std::string why = "'" + text + "' is not a regular expression: " + expression.error();
    if (expression.error_code() == RE2::ErrorBadPerlOp ||
        expression.error_code() == RE2::ErrorBadEscape)
        why += ". Lookahead and backreferences are not supported";
    return Error{Errc::invalid_input, std::move(why)};
}

bool Pattern::matches(std::string_view whole) const {
    return RE2::FullMatch(re2::StringPiece(whole.data(), whole.size()), compiled_->expression);
}

const std::string& Pattern::text() const { return compiled_->expression.pattern(); }

}  // namespace mw
