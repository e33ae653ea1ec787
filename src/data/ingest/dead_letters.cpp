#include "data/ingest/dead_letters.h"

#include <algorithm>
#include <optional>

namespace mw::ingest {
namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::size_t fixed_bytes = 1 + 8 + 8 + 2 + 2 + 2 + 2;
constexpr std::size_t name_bytes_max = 1024;
constexpr std::size_t log_segment_bytes = std::size_t{1} << 20;

// Cuts a text between characters of UTF-8.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    std::size_t end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end);
}

std::size_t encoded_bytes(const DeadLetter& letter) {
    return fixed_bytes + letter.device.size() + letter.topic.size() + letter.reason.size() +
           letter.body.size();
}

void encode(const DeadLetter& letter, std::span<std::uint8_t> into) {
    std::uint8_t* at = into.data();
    *at++ = format_version;
    store_le(at, letter.arrival.ns);
    store_le(at + 8, letter.body_bytes);
    at += 16;
    const ByteView parts[] = {bytes_of(letter.device), bytes_of(letter.topic),
                              bytes_of(letter.reason), letter.body};
    for (const auto part : parts) {
        store_le(at, static_cast<std::uint16_t>(part.size()));
        at += 2;
    }
    for (const auto part : parts) at = std::copy(part.begin(), part.end(), at);
}

std::optional<DeadLetter> decode(const files::LogFrame& frame) {
    const ByteView bytes = frame.payload;
    if (bytes.size() < fixed_bytes || bytes[0] != format_version) return std::nullopt;
    DeadLetter letter;
    letter.number = frame.number;
    letter.arrival.ns = load_le<std::int64_t>(&bytes[1]);
    letter.body_bytes = load_le<std::uint64_t>(&bytes[9]);
    std::size_t sizes[4], total = fixed_bytes;
    for (std::size_t i = 0; i < 4; ++i) {
        sizes[i] = load_le<std::uint16_t>(&bytes[17 + 2 * i]);
        total += sizes[i];
    }
    if (total != bytes.size()) return std::nullopt;
    ByteView rest = bytes.subspan(fixed_bytes);
    const auto take = [&](std::size_t size) {
        const auto part = rest.first(size);
        rest = rest.subspan(size);
        return part;
    };
    letter.device = text_of(take(sizes[0]));
    letter.topic = text_of(take(sizes[1]));
    letter.reason = text_of(take(sizes[2]));
    const auto body = take(sizes[3]);
    letter.body.assign(body.begin(), body.end());
    return letter;
}

// The body as text, without a character that was cut at its end; nullopt when it is not UTF-8 or
// has control characters beside white space.
std::optional<std::string_view> as_text(ByteView bytes) {
    std::size_t more = 0;
    std::size_t whole = 0;  // where the last whole character ends
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = bytes[i];
        const bool continues = (byte & 0xc0) == 0x80;
        const bool is_control =
            (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7f;
        if (continues != (more > 0) || byte > 0xf7 || is_control) return std::nullopt;
        if (more > 0)
            --more;
        else if (byte >= 0xc0)
            more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
        if (more == 0) whole = i + 1;
    }
    return text_of(bytes.first(whole));
}

}  // namespace

Json to_json(const DeadLetter& letter) {
    JsonObject object{{"number", letter.number}, {"arrival", to_iso8601(letter.arrival)},
                      {"device", letter.device}, {"topic", letter.topic},
                      {"reason", letter.reason}, {"body_bytes", letter.body_bytes}};
    if (const auto text = as_text(letter.body))
        object["body"] = *text;
    else
        object["body_base64"] = to_base64(letter.body);
    return object;
}

Result<std::unique_ptr<DeadLetters>> DeadLetters::open(files::Files& files, Loop& loop,
                                                       Workers& workers,
                                                       DeadLetterOptions options) {
    std::unique_ptr<DeadLetters> letters(new DeadLetters(std::move(options)));
    files::GroupLogOptions log_options;
    log_options.log.directory = letters->options_.directory;
    log_options.log.purpose = "dead-letters";
    log_options.log.segment_bytes =
        std::min<std::size_t>(log_segment_bytes, letters->options_.log_bytes_max / 4 + 1);
    const auto replay = [&](const files::LogFrame& frame) {
        letters->account(frame.number, frame.payload.size());
        if (auto letter = decode(frame)) letters->remember(std::move(*letter));
    };
    auto log = files::GroupLog::open(files, loop, workers, std::move(log_options), replay);
    if (!log) return std::move(log).error().context("dead letters");
    letters->log_ = std::move(log).value();
    return letters;
}

DeadLetters::~DeadLetters() = default;

Result<std::uint64_t> DeadLetters::add(Timestamp arrival, std::string_view device,
                                       std::string_view topic, std::string_view reason,
                                       ByteView body) {
    DeadLetter letter{.number = 0,
                      .arrival = arrival,
                      .device = std::string(cut(device, name_bytes_max)),
                      .topic = std::string(cut(topic, name_bytes_max)),
                      .reason = std::string(cut(reason, options_.reason_bytes_max)),
                      .body_bytes = body.size(),
                      .body = {}};
    const auto kept = body.first(std::min(body.size(), options_.body_bytes_max));
    letter.body.assign(kept.begin(), kept.end());
    const std::size_t bytes = encoded_bytes(letter);
    TRY(letter.number,
        log_->append(bytes, [&](std::span<std::uint8_t> into) { encode(letter, into); }));
    const auto number = letter.number;
    account(number, bytes);
    remember(std::move(letter));
    return number;
}

void DeadLetters::remember(DeadLetter letter) {
    if (shown_.size() >= options_.shown_max) shown_.pop_front();
    shown_.push_back(std::move(letter));
}

void DeadLetters::account(std::uint64_t number, std::uint64_t bytes) {
    sizes_.push_back({number, bytes});
    kept_bytes_ += bytes;
    std::uint64_t gone = 0;
    while (kept_bytes_ > options_.log_bytes_max && sizes_.size() > 1) {
        kept_bytes_ -= sizes_.front().bytes;
        gone = sizes_.front().number;
        sizes_.pop_front();
    }
    if (gone > 0 && log_) log_->drop(gone);
}

std::uint64_t DeadLetters::durable() const { return log_->durable(); }

void DeadLetters::on_durable(std::function<void(std::uint64_t)> listener) {
    log_->on_durable(std::move(listener));
}

std::vector<DeadLetter> DeadLetters::list(std::string_view device, std::size_t limit) const {
    std::vector<DeadLetter> found;
    for (auto at = shown_.rbegin(); at != shown_.rend() && found.size() < limit; ++at)
        if (device.empty() || at->device == device) found.push_back(*at);
    return found;
}

Task<> DeadLetters::stop() { return log_->stop(); }

}  // namespace mw::ingest
