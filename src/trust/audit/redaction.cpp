// Facts that were redacted, and the facts that say so.
#include <charconv>

#include "trust/audit/fact.h"

namespace mw::audit {
namespace {

constexpr std::string_view redaction_prefix = "facts ";
constexpr std::size_t redactions_open_max = 1'000'000;

}  // namespace

std::string redaction_text(std::span<const std::uint64_t> sequences, std::string_view why) {
    std::string text(redaction_prefix);
    for (const auto sequence : sequences)
        text += (text.size() == redaction_prefix.size() ? "" : ", ") + std::to_string(sequence);
    return text + ": " + std::string(why);
}

Result<> Redactions::take(std::uint64_t sequence, bool redacted, std::string_view action,
                          std::string_view detail) {
    if (redacted) open_.insert(sequence);
    if (open_.size() > redactions_open_max)
        return Error{Errc::corrupt, "more than a million audit facts were redacted in silence"};
    if (redacted || action != action::audit_redacted) return {};
    if (!detail.starts_with(redaction_prefix)) return {};
    const char* at = detail.data() + redaction_prefix.size();
    const char* const end = detail.data() + detail.size();
    for (;;) {
        std::uint64_t named = 0;
        const auto read = std::from_chars(at, end, named);
        if (read.ec != std::errc{}) return {};
        open_.erase(named);
        if (end - read.ptr < 2 || read.ptr[0] != ',') return {};
        at = read.ptr + 2;
    }
}

Result<> Redactions::finish() const {
    if (open_.empty()) return {};
    return Error{Errc::corrupt, "audit fact " + std::to_string(*open_.begin()) +
                                    ": it was redacted, and no later fact says by whom and why"};
}

}  // namespace mw::audit
