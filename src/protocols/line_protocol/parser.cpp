#include "protocols/line_protocol/parser.h"

#include "protocols/line_protocol/lines.h"

namespace mw::line_protocol {

std::optional<std::int64_t> precision_ns(std::string_view name) {
    if (name.empty() || name == "ns" || name == "n") return 1;
    if (name == "us" || name == "u") return 1'000;
    if (name == "ms") return 1'000'000;
    if (name == "s") return 1'000'000'000;
    if (name == "m") return 60'000'000'000;
    if (name == "h") return 3'600'000'000'000;
    return std::nullopt;
}

Parser::Parser(Naming naming, Limits limits)
    : lines_(std::make_unique<Lines>(std::move(naming), limits)) {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

void Parser::parse(std::string_view text, const Context& context, Parsed& into) {
    lines_->parse(text, context, into);
}

std::size_t Parser::series() const { return lines_->series(); }

}  // namespace mw::line_protocol
