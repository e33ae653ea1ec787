#include "protocols/payload/binary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/crc32c.h"
#include "protocols/payload/decoder.h"

namespace mw::payload {
namespace {

constexpr std::string_view magic = "MWPB";
constexpr std::size_t header_bytes = 40;
constexpr std::size_t run_bytes = 32;
constexpr std::size_t trailer_bytes = 8;
constexpr std::uint16_t replayed_flag = 1;
constexpr std::int64_t latest_time_ns = 9'200'000'000'000'000'000;  // the year 2261
constexpr int exponent_max = 15;
constexpr std::array<double, exponent_max + 1> power_of_ten{
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

enum class Times : std::uint8_t { list, regular, as_before };
enum class Values : std::uint8_t { doubles, i16, i32, i64 };
enum class Qualities : std::uint8_t { good, one, list };

constexpr std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

constexpr std::size_t width_of(Values values) {
    constexpr std::size_t widths[] = {8, 2, 4, 8};
    return widths[static_cast<std::size_t>(values)];
}

struct RunHead {
    std::uint32_t points = 0;
    Times times = Times::list;
    Values values = Values::doubles;
    std::uint8_t exponent = 0;
    Qualities qualities = Qualities::good;
    Quality quality = Quality::good();
    std::int64_t start = 0;
    std::int64_t step = 0;

    std::size_t data_bytes() const {
        return (times == Times::list ? std::size_t{points} * 8 : 0) +
               padded(points * width_of(values)) +
               (qualities == Qualities::list ? padded(points) : 0);
    }
};

RunHead load_run(const std::uint8_t* at) {
    return {.points = load_le<std::uint32_t>(at),
            .times = Times{at[4]},
            .values = Values{at[5]},
            .exponent = at[6],
            .qualities = Qualities{at[7]},
            .quality = {at[8]},
            .start = load_le<std::int64_t>(at + 16),
            .step = load_le<std::int64_t>(at + 24)};
}

template <class Integer>
void scale_into(const std::uint8_t* from, std::size_t count, double divisor, double* to) {
    for (std::size_t i = 0; i < count; ++i)
        to[i] = static_cast<double>(load_le<Integer>(from + i * sizeof(Integer))) / divisor;
}

}  // namespace

bool is_binary(ByteView body) { return text_of(body).starts_with(magic); }

class BinaryDecoder::Reader {
 public:
    explicit Reader(BinaryLimits limits) : limits_(limits) {}
    Result<std::size_t> decode(ByteView body, std::string_view device, Batch& batch);

 private:
    struct Names {
        std::uint64_t form = new_form();
        std::string device;
        std::vector<Run> runs;  // signal and unit
    };

    Error wrong(std::size_t at, const std::string& why) const {
        return {Errc::invalid_input, "binary batch (byte " + std::to_string(at) + "): " + why};
    }
    Result<> read_header(ByteView body);
    Result<> read_runs(ByteView body);
    Result<const Names*> names_of(ByteView section, std::string_view device);
    Result<Names> read_names(ByteView section, std::string_view device) const;
    void fill(ByteView body, Batch& batch) const;
    static void fill_values(const RunHead& run, const std::uint8_t* from, double* to);

    BinaryLimits limits_;
    std::unordered_map<std::string, Names> known_;  // device, zero byte, names as they were sent
    std::size_t known_bytes_ = 0;
    std::string key_;

    // Of the batch at hand.
    std::size_t length_ = 0;
    std::size_t names_bytes_ = 0;
    std::size_t points_ = 0;
    std::vector<RunHead> runs_;
};

BinaryDecoder::BinaryDecoder(BinaryLimits limits) : reader_(std::make_unique<Reader>(limits)) {}
BinaryDecoder::~BinaryDecoder() = default;
BinaryDecoder::BinaryDecoder(BinaryDecoder&&) noexcept = default;

Result<std::size_t> BinaryDecoder::decode(ByteView body, std::string_view device, Batch& batch) {
    auto length = reader_->decode(body, device, batch);
    if (!length) batch.clear();
    return length;
}

Result<std::size_t> BinaryDecoder::Reader::decode(ByteView body, std::string_view device,
                                                  Batch& batch) {
    TRY_VOID(read_header(body));
    TRY_VOID(read_runs(body));
    TRY(const Names* names, names_of(body.subspan(header_bytes, names_bytes_), device));
    if (batch.form != names->form) {
        batch.form = names->form;
        batch.device.text = names->device;
        batch.runs = names->runs;
    }
    batch.position.sequence = load_le<std::uint64_t>(body.data() + 16);
    batch.replayed = (load_le<std::uint16_t>(body.data() + 6) & replayed_flag) != 0;
    fill(body, batch);
    bool possible = true;
    for (const Timestamp time : batch.times) possible &= time.ns >= 0 && time.ns <= latest_time_ns;
    if (!possible) return wrong(header_bytes, "a time is not from 1970 to 2261");
    return length_;
}

Result<> BinaryDecoder::Reader::read_header(ByteView body) {
    if (body.size() < header_bytes + trailer_bytes || !is_binary(body))
        return wrong(0, "want a header that begins with MWPB");
    const auto version = load_le<std::uint16_t>(body.data() + 4);
    if (version != 1)
        return wrong(4, "version " + std::to_string(version) + " is not known; send version 1");
    if ((load_le<std::uint16_t>(body.data() + 6) & ~replayed_flag) != 0)
        return wrong(6, "a flag is not known");
    length_ = load_le<std::uint32_t>(body.data() + 8);
    names_bytes_ = load_le<std::uint32_t>(body.data() + 12);
    const auto runs = load_le<std::uint32_t>(body.data() + 24);
    points_ = load_le<std::uint32_t>(body.data() + 28);
    if (length_ > body.size() || length_ % 8 != 0 || length_ < header_bytes + trailer_bytes)
        return wrong(8, "the length is " + std::to_string(length_) + ", there are " +
                            std::to_string(body.size()) + " bytes");
    if (length_ > limits_.batch_bytes)
        return wrong(8, "a batch has up to " + std::to_string(limits_.batch_bytes) + " bytes");
    if (runs == 0 || runs > limits_.signals)
        return wrong(24, "want 1 to " + std::to_string(limits_.signals) + " runs");
    if (points_ > limits_.points)
        return wrong(28, "a batch has up to " + std::to_string(limits_.points) + " points");
    const std::size_t left = length_ - header_bytes - trailer_bytes;
    if (names_bytes_ > left || padded(names_bytes_) + runs * run_bytes > left)
        return wrong(12, "names and runs are longer than the batch");
    if (load_le<std::uint32_t>(body.data() + length_ - trailer_bytes) !=
        crc32c(body.first(length_ - trailer_bytes)))
        return wrong(length_ - trailer_bytes, "the checksum is wrong");
    runs_.resize(runs);
    return {};
}

Result<> BinaryDecoder::Reader::read_runs(ByteView body) {
    const std::size_t first = header_bytes + padded(names_bytes_);
    std::size_t points = 0, data = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        const std::size_t at = first + i * run_bytes;
        const RunHead run = load_run(body.data() + at);
        if (run.points == 0 || run.points > points_)
            return wrong(at, "a run has 1 point at least, and not more than the batch");
        if (run.times > Times::as_before || run.values > Values::i64 ||
            run.exponent > exponent_max || run.qualities > Qualities::list)
            return wrong(at + 4, "times, values, exponent or qualities are not known");
        const bool unlike = i == 0 || runs_[i - 1].points != run.points;
        if (run.times == Times::as_before && unlike)
            return wrong(at + 4, "the run before has not as many times");
        std::int64_t last = 0;
        if (run.times == Times::regular &&
            (__builtin_mul_overflow(run.step, std::int64_t{run.points} - 1, &last) ||
             __builtin_add_overflow(run.start, last, &last)))
            return wrong(at + 16, "the last time is not from 1970 to 2261");
        points += run.points;
        data += run.data_bytes();
        runs_[i] = run;
    }
    if (points != points_) return wrong(28, "the runs have " + std::to_string(points) + " points");
    if (first + runs_.size() * run_bytes + data + trailer_bytes != length_)
        return wrong(8, "the runs' data are not as long as the batch says");
    return {};
}

Result<const BinaryDecoder::Reader::Names*> BinaryDecoder::Reader::names_of(
    ByteView section, std::string_view device) {
    key_.assign(device);
    key_ += '\0';
    key_ += text_of(section);
    const auto known = known_.find(key_);
    if (known != known_.end() && known->second.runs.size() == runs_.size()) return &known->second;
    TRY(auto names, read_names(section, device));
    known_bytes_ += 4 * key_.size() + sizeof names;
    if (known_bytes_ > limits_.remembered) {
        known_.clear();
        known_bytes_ = 0;
    }
    return &known_.insert_or_assign(key_, std::move(names)).first->second;
}

Result<BinaryDecoder::Reader::Names> BinaryDecoder::Reader::read_names(
    ByteView section, std::string_view device) const {
    std::size_t at = 0;
    const auto text = [&]() -> Result<std::string_view> {
        if (section.size() - at < 2) return wrong(header_bytes + at, "a name is missing");
        const std::size_t size = load_le<std::uint16_t>(section.data() + at);
        at += 2;
        if (section.size() - at < size)
            return wrong(header_bytes + at, "a name is longer than the names");
        at += size;
        return text_of(section.subspan(at - size, size));
    };
    const auto checked = [&](std::size_t limit, bool may_be_empty) -> Result<std::string> {
        TRY(const auto name, text());
        if (name.empty() && may_be_empty) return std::string();
        if (auto good = check_name(name, limit); !good)
            return wrong(header_bytes + at - name.size(), good.error().message);
        return std::string(name);
    };
    Names names;
    TRY(names.device, checked(limits_.name_bytes, true));
    if (names.device.empty()) names.device = device;
    if (names.device.empty())
        return wrong(header_bytes, "no device is named; name it, or say ?device=");
    if (!device.empty() && names.device != device)
        return wrong(header_bytes, "'" + names.device + "' is not the device that sends");
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        Run run;
        TRY(run.signal, checked(limits_.name_bytes, false));
        TRY(run.unit, checked(limits_.unit_bytes, true));
        const auto same = [&](const Run& r) {
            return r.signal == run.signal && r.unit == run.unit;
        };
        if (std::ranges::any_of(names.runs, same))
            return wrong(header_bytes + at, "signal '" + run.signal + "' is there twice");
        names.runs.push_back(std::move(run));
    }
    if (at != section.size()) return wrong(header_bytes + at, "there are more names than runs");
    return names;
}

void BinaryDecoder::Reader::fill(ByteView body, Batch& batch) const {
    batch.times.resize(points_);
    batch.values.resize(points_);
    batch.quality.resize(points_);
    batch.boxes.clear();
    const std::uint8_t* from =
        body.data() + header_bytes + padded(names_bytes_) + runs_.size() * run_bytes;
    std::uint32_t at = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        const RunHead& run = runs_[i];
        Timestamp* times = batch.times.data() + at;
        if (run.times == Times::list) {
            std::memcpy(times, from, std::size_t{run.points} * 8);
            from += std::size_t{run.points} * 8;
        } else if (run.times == Times::as_before) {
            std::copy_n(times - run.points, run.points, times);
        } else {
            for (std::uint32_t k = 0; k < run.points; ++k) times[k] = {run.start + run.step * k};
        }
        fill_values(run, from, batch.values.data() + at);
        from += padded(run.points * width_of(run.values));
        Quality* quality = batch.quality.data() + at;
        if (run.qualities == Qualities::list) {
            std::memcpy(quality, from, run.points);
            from += padded(run.points);
        } else {
            std::fill_n(quality, run.points,
                        run.qualities == Qualities::one ? run.quality : Quality::good());
        }
        batch.runs[i].begin = at;
        batch.runs[i].end = at += run.points;
    }
}

void BinaryDecoder::Reader::fill_values(const RunHead& run, const std::uint8_t* from, double* to) {
    const double divisor = power_of_ten[run.exponent];
    switch (run.values) {
        case Values::doubles:
            std::memcpy(to, from, std::size_t{run.points} * sizeof(double));
            break;
        case Values::i16:
            return scale_into<std::int16_t>(from, run.points, divisor, to);
        case Values::i32:
            return scale_into<std::int32_t>(from, run.points, divisor, to);
        case Values::i64:
            return scale_into<std::int64_t>(from, run.points, divisor, to);
    }
}

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

class Writer {
 public:
    explicit Writer(Bytes& out) : out_(out), start_(out.size()) {}
    template <class T>
    void put(T value) {
        out_.resize(out_.size() + sizeof value);
        store_le(out_.data() + out_.size() - sizeof value, value);
    }
    void text(std::string_view text) {
        put(static_cast<std::uint16_t>(text.size()));
        out_.insert(out_.end(), text.begin(), text.end());
    }
    void pad() { out_.resize(start_ + padded(size())); }
    std::size_t size() const { return out_.size() - start_; }
    std::uint8_t* at(std::size_t offset) { return out_.data() + start_ + offset; }
    ByteView written() const { return ByteView(out_).subspan(start_); }

 private:
    Bytes& out_;
    std::size_t start_;
};

RunHead head_of(const Batch& batch, std::size_t i) {
    const Run& run = batch.runs[i];
    RunHead head{.points = run.end - run.begin};
    const auto times = std::span(batch.times).subspan(run.begin, head.points);
    head.start = times.front().ns;
    if (times.size() > 1) head.step = times[1].ns - times[0].ns;
    bool regular = true;
    for (std::size_t k = 1; k < times.size(); ++k)
        regular &= times[k].ns - times[k - 1].ns == head.step;
    const Run* before = i > 0 ? &batch.runs[i - 1] : nullptr;
    if (regular)
        head.times = Times::regular;
    else if (before && before->end - before->begin == head.points &&
             std::ranges::equal(times, std::span(batch.times).subspan(before->begin, head.points)))
        head.times = Times::as_before;
    const Scaled scaled = scaling_of(std::span(batch.values).subspan(run.begin, head.points));
    head.values = scaled.values;
    head.exponent = static_cast<std::uint8_t>(scaled.exponent);
    head.quality = batch.quality[run.begin];
    const auto qualities = std::span(batch.quality).subspan(run.begin, head.points);
    if (!std::ranges::all_of(qualities, [&](Quality q) { return q == head.quality; }))
        head.qualities = Qualities::list;
    else if (head.quality != Quality::good())
        head.qualities = Qualities::one;
    return head;
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

void put_data(Writer& out, const Batch& batch, const Run& run, const RunHead& head) {
    if (head.times == Times::list)
        for (auto i = run.begin; i < run.end; ++i) out.put(batch.times[i].ns);
    for (auto i = run.begin; i < run.end; ++i) {
        if (head.values == Values::doubles) {
            out.put(batch.values[i]);
            continue;
        }
        const double scaled = std::nearbyint(batch.values[i] * power_of_ten[head.exponent]);
        if (head.values == Values::i16)
            out.put(static_cast<std::int16_t>(scaled));
        else
            out.put(static_cast<std::int32_t>(scaled));
    }
    out.pad();
    if (head.qualities == Qualities::list)
        for (auto i = run.begin; i < run.end; ++i) out.put(batch.quality[i].code);
    out.pad();
}

}  // namespace

void encode_binary(const Batch& batch, Bytes& into, bool anonymous) {
    Writer out(into);
    for (const char c : magic) out.put(c);
    out.put(std::uint16_t{1});
    out.put(static_cast<std::uint16_t>(batch.replayed ? replayed_flag : 0));
    out.put(std::uint64_t{0});  // both lengths
    out.put(batch.position.sequence);
    out.put(static_cast<std::uint32_t>(batch.runs.size()));
    out.put(static_cast<std::uint32_t>(batch.size()));
    out.put(std::uint64_t{0});
    out.text(anonymous ? std::string_view() : batch.device.text);
    for (const Run& run : batch.runs) {
        out.text(run.signal);
        out.text(run.unit);
    }
    store_le(out.at(12), static_cast<std::uint32_t>(out.size() - header_bytes));
    out.pad();
    std::vector<RunHead> heads;
    for (std::size_t i = 0; i < batch.runs.size(); ++i) heads.push_back(head_of(batch, i));
    for (const RunHead& head : heads) put_head(out, head);
    for (std::size_t i = 0; i < heads.size(); ++i) put_data(out, batch, batch.runs[i], heads[i]);
    store_le(out.at(8), static_cast<std::uint32_t>(out.size() + trailer_bytes));
    out.put(crc32c(out.written()));
    out.put(std::uint32_t{0});
}

}  // namespace mw::payload
