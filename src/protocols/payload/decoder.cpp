#include "protocols/payload/decoder.h"

#include "protocols/payload/parser.h"

namespace mw::payload {
namespace {

constexpr std::size_t decision_bytes_max = std::size_t{64} << 10;
constexpr std::size_t decision_text_max = 256;

Result<void> check_decision(const Decision& decision) {
    for (const auto& [key, text] :
         {std::pair<const char*, const std::string&>{"device", decision.device.text},
          {"asset", decision.asset},
          {"use_case", decision.use_case},
          {"model", decision.model},
          {"version", decision.version},
          {"bundle_hash", decision.bundle_hash},
          {"fallback", decision.fallback}})
        if (text.size() > decision_text_max)
            return Error{Errc::invalid_input, std::string("'") + key + "' has " +
                                                  std::to_string(text.size()) +
                                                  " bytes: at most 256"};
    if (decision.window_to < decision.window_from)
        return Error{Errc::invalid_input, "'window.to' is before 'window.from'"};
    return {};
}

}  // namespace

Result<void> check_name(std::string_view name, std::size_t bytes_max) {
    if (name.empty()) return Error{Errc::invalid_input, "the name is empty"};
    if (name.size() > bytes_max)
        return Error{Errc::invalid_input, "the name has " + std::to_string(name.size()) +
                                              " bytes: at most " + std::to_string(bytes_max)};
    if (name.front() == ' ' || name.back() == ' ')
        return Error{Errc::invalid_input, "the name begins or ends with a space"};
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto c = static_cast<unsigned char>(name[i]);
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\'' || c == '\\')
            return Error{Errc::invalid_input,
                         "byte " + std::to_string(i) +
                             " of the name is a quote, a backslash or a control character"};
    }
    return {};
}

Decoder::Decoder(Limits limits) : parser_(std::make_unique<Parser>(limits)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Result<void> Decoder::decode(std::string_view payload, Batch& batch) {
    return parser_->decode(payload, batch);
}

Result<Decision> Decoder::decode_decision(std::string_view payload) const {
    if (payload.size() > decision_bytes_max)
        return Error{Errc::invalid_input, "decision of " + std::to_string(payload.size()) +
                                              " bytes: at most " +
                                              std::to_string(decision_bytes_max)};
    TRY(const Json value, parse_json(payload));
    TRY(Decision decision, decision_from_json(value));
    TRY_VOID(check_decision(decision));
    return decision;
}

const Limits& Decoder::limits() const { return parser_->limits(); }

}  // namespace mw::payload
