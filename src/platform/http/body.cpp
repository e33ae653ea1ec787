#include "platform/http/body.h"

#include <algorithm>
#include <charconv>

namespace mw::http {
namespace {

constexpr std::size_t download_piece = 128 * 1024;

class RangeProducer final : public BodyProducer {
 public:
    RangeProducer(std::unique_ptr<ByteSource> source, ByteRange range)
        : source_(std::move(source)), range_(range) {}
    Task<> produce(BodyWriter& writer) override {
        while (range_.size > 0) {
            auto most =
                static_cast<std::size_t>(std::min<std::uint64_t>(range_.size, download_piece));
            CO_TRY(auto bytes, co_await source_->read(range_.first, most));
            if (bytes.empty() || bytes.size() > most)
                co_return Error{Errc::corrupt, "the source is shorter than it said"};
            range_.first += bytes.size();
            range_.size -= bytes.size();
            std::string piece(text_of(bytes));
            CO_TRY_VOID(co_await writer.write(std::move(piece)));
        }
        co_return Result<>{};
    }

 private:
    std::unique_ptr<ByteSource> source_;
    ByteRange range_;
};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}
std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}
std::string quoted(std::string_view etag) { return '"' + std::string(etag) + '"'; }

}  // namespace

std::string to_text(const ServerEvent& event) {
    std::string text;
    auto field = [&](std::string_view name, std::string_view value) {
        text.append(name).append(": ");
        for (char c : value) text += c == '\n' || c == '\r' ? ' ' : c;  // one line each
        text += '\n';
    };
    if (!event.id.empty()) field("id", event.id);
    if (!event.event.empty()) field("event", event.event);
    std::string_view rest = event.data;
    for (;;) {
        auto end = rest.find('\n');
        field("data", rest.substr(0, end));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    text += '\n';
    return text;
}

Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size) {
    std::optional<ByteRange> all;
    constexpr std::string_view unit = "bytes=";
    if (!header.starts_with(unit)) return all;
    std::string_view spec = trimmed(header.substr(unit.size()));
    if (spec.find(',') != std::string_view::npos) return all;  // several: we may send it all
    auto dash = spec.find('-');
    if (dash == std::string_view::npos) return all;
    auto first = number(trimmed(spec.substr(0, dash)));
    auto last = number(trimmed(spec.substr(dash + 1)));
    if (!first && !last) return all;
    auto unsatisfiable = [&] {
        return Error{Errc::invalid_input, "the range " + std::string(header) + " is outside of " +
                                              std::to_string(size) + " bytes"};
    };
    if (!first) {  // the last n bytes
        if (dash != 0) return all;
        if (*last == 0 || size == 0) return unsatisfiable();
        std::uint64_t n = std::min(*last, size);
        return std::optional(ByteRange{size - n, n});
    }
    if (dash + 1 < spec.size() && (!last || *last < *first)) return all;  // malformed: ignored
    if (*first >= size) return unsatisfiable();
    std::uint64_t end = last ? std::min(*last + 1, size) : size;
    if (last && *last == UINT64_MAX) end = size;
    return std::optional(ByteRange{*first, end - *first});
}

Response download(const Request& request, std::unique_ptr<ByteSource> source,
                  std::string_view content_type, std::string_view etag) {
    const std::uint64_t size = source->size();
    std::string_view wanted = request.headers.get("Range");
    std::string_view if_range = request.headers.get("If-Range");
    // RFC 9110 13.1.5: a range of something else than what the client has is of no use to it.
    if (!if_range.empty() && (etag.empty() || if_range != quoted(etag))) wanted = {};
    auto range = parse_range(wanted, size);
    if (!range) {
        Response refused = Response::error(416, "invalid_input", range.error().message);
        refused.headers.set("Content-Range", "bytes */" + std::to_string(size));
        return refused;
    }
    Response response;
    ByteRange part = range->value_or(ByteRange{0, size});
    if (range->has_value()) {
        response.status = 206;
        response.headers.set("Content-Range", "bytes " + std::to_string(part.first) + "-" +
                                                  std::to_string(part.first + part.size - 1) + "/" +
                                                  std::to_string(size));
    }
    response.headers.set("Content-Type", std::string(content_type));
    response.headers.set("Accept-Ranges", "bytes");
    if (!etag.empty()) response.headers.set("ETag", quoted(etag));
    response.length = part.size;
    response.producer = std::make_unique<RangeProducer>(std::move(source), part);
    return response;
}

}  // namespace mw::http
