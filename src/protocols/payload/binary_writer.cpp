#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/crc32c.h"
#include "protocols/payload/binary.h"
#include "protocols/payload/binary_layout.h"

namespace mw::payload {

using namespace binary;

namespace {

struct Scaled {
    Values values = Values::doubles;
    int exponent = 0;
};

bool is_scaled(std::span<const double> values, double divisor, std::int64_t least,
               std::int64_t most) {
    return std::ranges::all_of(values, [&](double value) {
        const double scaled = std::nearbyint(value * divisor);
        const bool fits =
            scaled >= static_cast<double>(least) && scaled <= static_cast<double>(most);
        return fits && std::bit_cast<std::uint64_t>(scaled / divisor) ==
                           std::bit_cast<std::uint64_t>(value);
    });
}

// The narrowest integers that give every bit back, by the smallest exponent; else doubles.
Scaled scaling_of(std::span<const double> values) {
    constexpr int tried = 6;  // more decimals than that are not a sensor's
    using I16 = std::numeric_limits<std::int16_t>;
    using I32 = std::numeric_limits<std::int32_t>;
    for (int e = 0; e <= tried; ++e) {
        if (!is_scaled(values, power_of_ten[e], I32::min(), I32::max())) continue;
        const bool narrow = is_scaled(values, power_of_ten[e], I16::min(), I16::max());
        return {narrow ? Values::i16 : Values::i32, e};
    }
    return {};
}

// Into bytes that are there already, and zero.
class Writer {
 public:
    explicit Writer(std::uint8_t* at) : begin_(at), at_(at) {}
    template <class T>
    void put(T value) {
        store_le(at_, value);
        at_ += sizeof value;
    }
    void copy(const void* from, std::size_t bytes) {
        if (bytes > 0) std::memcpy(at_, from, bytes);
        at_ += bytes;
    }
    void text(std::string_view text) {
        put(static_cast<std::uint16_t>(text.size()));
        copy(text.data(), text.size());
    }
    void pad() { at_ = begin_ + padded(size()); }
    std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
    std::uint8_t* begin_;
    std::uint8_t* at_;
};

// One point of each run, in their order, all of one time.
bool is_row(const Batch& batch) {
    if (batch.runs.size() < 2 || batch.size() != batch.runs.size()) return false;
    const auto other = [&](Timestamp time) { return time != batch.times[0]; };
    if (std::ranges::any_of(batch.times, other)) return false;
    for (std::size_t i = 0; i < batch.runs.size(); ++i)
        if (batch.runs[i].begin != i) return false;
    return true;
}

RunHead head_of(const Batch& batch, std::uint32_t begin, std::uint32_t points) {
    RunHead head{.points = points};
    const auto times = std::span(batch.times).subspan(begin, points);
    head.start = times.front().ns;
    if (times.size() > 1) head.step = times[1].ns - times[0].ns;
    bool regular = true;
    for (std::size_t k = 1; k < times.size(); ++k)
        regular &= times[k].ns - times[k - 1].ns == head.step;
    if (regular) head.times = Times::regular;
    const Scaled scaled = scaling_of(std::span(batch.values).subspan(begin, points));
    head.values = scaled.values;
    head.exponent = static_cast<std::uint8_t>(scaled.exponent);
    head.quality = batch.quality[begin];
    const auto qualities = std::span(batch.quality).subspan(begin, points);
    if (!std::ranges::all_of(qualities, [&](Quality q) { return q == head.quality; }))
        head.qualities = Qualities::list;
    else if (head.quality != Quality::good())
        head.qualities = Qualities::one;
    return head;
}

bool has_times_of(const Batch& batch, const Run& run, const Run& before) {
    const auto of = [&](const Run& r) {
        return std::span(batch.times).subspan(r.begin, r.end - r.begin);
    };
    return std::ranges::equal(of(run), of(before));
}

std::vector<RunHead> heads_of(const Batch& batch) {
    std::vector<RunHead> heads;
    if (is_row(batch)) {
        heads.push_back(head_of(batch, 0, static_cast<std::uint32_t>(batch.size())));
        return heads;
    }
    heads.reserve(batch.runs.size());
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        const Run& run = batch.runs[i];
        RunHead& head = heads.emplace_back(head_of(batch, run.begin, run.end - run.begin));
        if (head.times == Times::list && i > 0 && has_times_of(batch, run, batch.runs[i - 1]))
            head.times = Times::as_before;
    }
    return heads;
}

void put_head(Writer& out, const RunHead& head) {
    out.put(head.points);
    for (const auto byte : {std::uint8_t(head.times), std::uint8_t(head.values), head.exponent,
                            std::uint8_t(head.qualities), head.quality.code})
        out.put(byte);
    out.pad();
    out.put(head.times == Times::regular ? head.start : 0);
    out.put(head.times == Times::regular ? head.step : 0);
}

template <class Integer>
void put_scaled(Writer& out, std::span<const double> values, double factor) {
    for (const double value : values) out.put(static_cast<Integer>(std::nearbyint(value * factor)));
}

void put_data(Writer& out, const Batch& batch, std::size_t begin, const RunHead& head) {
    if (head.times == Times::list) out.copy(&batch.times[begin], std::size_t{head.points} * 8);
    const auto values = std::span(batch.values).subspan(begin, head.points);
    const double factor = power_of_ten[head.exponent];
    if (head.values == Values::doubles)
        out.copy(values.data(), values.size_bytes());
    else if (head.values == Values::i16)
        put_scaled<std::int16_t>(out, values, factor);
    else
        put_scaled<std::int32_t>(out, values, factor);
    out.pad();
    if (head.qualities == Qualities::list) out.copy(&batch.quality[begin], head.points);
    out.pad();
}

std::size_t names_bytes(const Batch& batch, std::string_view device) {
    std::size_t bytes = 2 + device.size();
    for (const Run& run : batch.runs) bytes += 4 + run.signal.size() + run.unit.size();
    return bytes;
}

}  // namespace

void encode_binary(const Batch& batch, Bytes& into, bool anonymous) {
    const std::string_view device = anonymous ? std::string_view() : batch.device.text;
    const std::vector<RunHead> heads = heads_of(batch);
    const bool row = heads.size() < batch.runs.size();
    const std::size_t names = names_bytes(batch, device);
    std::size_t length = header_bytes + padded(names) + heads.size() * head_bytes + trailer_bytes;
    for (const RunHead& head : heads) length += head.data_bytes();
    const std::size_t start = into.size();
    into.resize(start + length);
    Writer out(into.data() + start);
    out.copy(magic.data(), magic.size());
    out.put(std::uint16_t{1});
    out.put(
        static_cast<std::uint16_t>((batch.replayed ? replayed_flag : 0) | (row ? row_flag : 0)));
    out.put(static_cast<std::uint32_t>(length));
    out.put(static_cast<std::uint32_t>(names));
    out.put(batch.position.sequence);
    out.put(static_cast<std::uint32_t>(batch.runs.size()));
    out.put(static_cast<std::uint32_t>(batch.size()));
    out.put(std::uint64_t{0});
    out.text(device);
    for (const Run& run : batch.runs) {
        out.text(run.signal);
        out.text(run.unit);
    }
    out.pad();
    for (const RunHead& head : heads) put_head(out, head);
    for (std::size_t i = 0; i < heads.size(); ++i)
        put_data(out, batch, batch.runs[i].begin, heads[i]);
    out.put(crc32c(ByteView(into).subspan(start, out.size())));
    out.put(std::uint32_t{0});
}

}  // namespace mw::payload
