#include <algorithm>
#include <unordered_map>

#include "base/crc32c.h"
#include "protocols/payload/binary.h"
#include "protocols/payload/binary_layout.h"
#include "protocols/payload/decoder.h"

namespace mw::payload {

using namespace binary;

namespace {

template <class Integer>
void scale_into(const std::uint8_t* from, std::size_t count, double divisor, double* to) {
    for (std::size_t i = 0; i < count; ++i)
        to[i] = static_cast<double>(load_le<Integer>(from + i * sizeof(Integer))) / divisor;
}

bool is_possible(std::int64_t time_ns) { return time_ns >= 0 && time_ns <= latest_time_ns; }

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
    using Known = std::unordered_map<std::string, Names>;

    Error wrong(std::size_t at, const std::string& why) const {
        return {Errc::invalid_input, "binary batch (byte " + std::to_string(at) + "): " + why};
    }
    Result<> read_header(ByteView body);
    Result<> check_sizes(ByteView body);
    Result<> read_heads(ByteView body);
    Result<> check_times(const RunHead& head, const RunHead* before, std::size_t at) const;
    Result<const Names*> names_of(ByteView section, std::string_view device);
    bool is_last(ByteView section, std::string_view device) const;
    Result<Names> read_names(ByteView section, std::string_view device) const;
    bool fill(ByteView body, Batch& batch) const;
    void fill_runs(Batch& batch) const;
    static void fill_values(const RunHead& head, const std::uint8_t* from, double* to);

    BinaryLimits limits_;
    Known known_;                              // device, zero byte, names as they were sent
    const Known::value_type* last_ = nullptr;  // in known_: a sender's next names are mostly these
    std::size_t known_bytes_ = 0;
    std::string key_;

    // Of the batch at hand.
    std::size_t length_ = 0;
    std::size_t names_bytes_ = 0;
    std::size_t points_ = 0;
    std::size_t runs_ = 0;
    bool row_ = false;
    std::vector<RunHead> heads_;  // of each run; of a row, one for all of them
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
    TRY_VOID(read_heads(body));
    TRY(const Names* names, names_of(body.subspan(header_bytes, names_bytes_), device));
    if (batch.form != names->form) {
        batch.form = names->form;
        batch.device.text = names->device;
        batch.runs = names->runs;
    }
    batch.position.sequence = load_le<std::uint64_t>(body.data() + 16);
    batch.replayed = (load_le<std::uint16_t>(body.data() + 6) & replayed_flag) != 0;
    if (!fill(body, batch)) return wrong(header_bytes, "a time is not from 1970 to 2261");
    fill_runs(batch);
    return length_;
}

Result<> BinaryDecoder::Reader::read_header(ByteView body) {
    if (body.size() < header_bytes + trailer_bytes || !is_binary(body))
        return wrong(0, "want a header that begins with MWPB");
    const auto version = load_le<std::uint16_t>(body.data() + 4);
    if (version != 1)
        return wrong(4, "version " + std::to_string(version) + " is not known; send version 1");
    const auto flags = load_le<std::uint16_t>(body.data() + 6);
    if ((flags & ~(replayed_flag | row_flag)) != 0) return wrong(6, "a flag is not known");
    row_ = (flags & row_flag) != 0;
    length_ = load_le<std::uint32_t>(body.data() + 8);
    names_bytes_ = load_le<std::uint32_t>(body.data() + 12);
    runs_ = load_le<std::uint32_t>(body.data() + 24);
    points_ = load_le<std::uint32_t>(body.data() + 28);
    return check_sizes(body);
}

Result<> BinaryDecoder::Reader::check_sizes(ByteView body) {
    if (length_ > body.size() || length_ % 8 != 0 || length_ < header_bytes + trailer_bytes)
        return wrong(8, "the length is " + std::to_string(length_) + ", there are " +
                            std::to_string(body.size()) + " bytes");
    if (length_ > limits_.batch_bytes)
        return wrong(8, "a batch has up to " + std::to_string(limits_.batch_bytes) + " bytes");
    if (runs_ == 0 || runs_ > limits_.signals)
        return wrong(24, "want 1 to " + std::to_string(limits_.signals) + " runs");
    if (points_ > limits_.points)
        return wrong(28, "a batch has up to " + std::to_string(limits_.points) + " points");
    if (row_ && points_ != runs_) return wrong(28, "a row has one point of each run");
    const std::size_t left = length_ - header_bytes - trailer_bytes;
    const std::size_t heads = row_ ? 1 : runs_;
    if (names_bytes_ > left || padded(names_bytes_) + heads * head_bytes > left)
        return wrong(12, "names and runs are longer than the batch");
    if (load_le<std::uint32_t>(body.data() + length_ - trailer_bytes) !=
        crc32c(body.first(length_ - trailer_bytes)))
        return wrong(length_ - trailer_bytes, "the checksum is wrong");
    heads_.resize(heads);
    return {};
}

Result<> BinaryDecoder::Reader::read_heads(ByteView body) {
    const std::size_t first = header_bytes + padded(names_bytes_);
    std::size_t points = 0, data = 0;
    for (std::size_t i = 0; i < heads_.size(); ++i) {
        const std::size_t at = first + i * head_bytes;
        const RunHead head = load_head(body.data() + at);
        if (head.points == 0 || head.points > points_)
            return wrong(at, "a run has 1 point at least, and not more than the batch");
        if (head.times > Times::as_before || head.values > Values::i64 ||
            head.exponent > exponent_max || head.qualities > Qualities::list)
            return wrong(at + 4, "times, values, exponent or qualities are not known");
        TRY_VOID(check_times(head, i > 0 ? &heads_[i - 1] : nullptr, at));
        points += head.points;
        data += head.data_bytes();
        heads_[i] = head;
    }
    if (points != points_) return wrong(28, "the runs have " + std::to_string(points) + " points");
    if (first + heads_.size() * head_bytes + data + trailer_bytes != length_)
        return wrong(8, "the runs' data are not as long as the batch says");
    return {};
}

// Those of a list are seen when they are copied.
Result<> BinaryDecoder::Reader::check_times(const RunHead& head, const RunHead* before,
                                            std::size_t at) const {
    if (row_ && (head.times != Times::regular || head.step != 0))
        return wrong(at + 4, "a row has one time: start, and a step of 0");
    if (head.times == Times::as_before && (!before || before->points != head.points))
        return wrong(at + 4, "the run before has not as many times");
    std::int64_t last = 0;
    if (head.times == Times::regular &&
        (__builtin_mul_overflow(head.step, std::int64_t{head.points} - 1, &last) ||
         __builtin_add_overflow(head.start, last, &last) || !is_possible(head.start) ||
         !is_possible(last)))
        return wrong(at + 16, "the first or last time is not from 1970 to 2261");
    return {};
}

Result<const BinaryDecoder::Reader::Names*> BinaryDecoder::Reader::names_of(
    ByteView section, std::string_view device) {
    if (is_last(section, device)) return &last_->second;
    key_.assign(device);
    key_ += '\0';
    key_ += text_of(section);
    const auto known = known_.find(key_);
    if (known != known_.end() && known->second.runs.size() == runs_)
        return &(last_ = &*known)->second;
    TRY(auto names, read_names(section, device));
    known_bytes_ += 4 * key_.size() + sizeof names;
    if (known_bytes_ > limits_.remembered) {
        known_.clear();
        known_bytes_ = 0;
    }
    last_ = &*known_.insert_or_assign(key_, std::move(names)).first;
    return &last_->second;
}

bool BinaryDecoder::Reader::is_last(ByteView section, std::string_view device) const {
    if (!last_ || last_->second.runs.size() != runs_) return false;
    const std::string_view key = last_->first;
    return key.size() == device.size() + 1 + section.size() && key.starts_with(device) &&
           key[device.size()] == '\0' && key.ends_with(text_of(section));
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
    for (std::size_t i = 0; i < runs_; ++i) {
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

// False: a time of a list is not possible.
bool BinaryDecoder::Reader::fill(ByteView body, Batch& batch) const {
    batch.times.resize(points_);
    batch.values.resize(points_);
    batch.quality.resize(points_);
    batch.boxes.clear();
    const std::uint8_t* from =
        body.data() + header_bytes + padded(names_bytes_) + heads_.size() * head_bytes;
    bool possible = true;
    std::size_t at = 0;
    for (const RunHead& head : heads_) {
        Timestamp* times = batch.times.data() + at;
        if (head.times == Times::list) {
            std::memcpy(times, from, std::size_t{head.points} * 8);
            from += std::size_t{head.points} * 8;
            for (std::uint32_t k = 0; k < head.points; ++k) possible &= is_possible(times[k].ns);
        } else if (head.times == Times::as_before) {
            std::copy_n(times - head.points, head.points, times);
        } else {
            for (std::uint32_t k = 0; k < head.points; ++k) times[k] = {head.start + head.step * k};
        }
        fill_values(head, from, batch.values.data() + at);
        from += padded(head.points * width_of(head.values));
        Quality* quality = batch.quality.data() + at;
        if (head.qualities == Qualities::list) {
            std::memcpy(quality, from, head.points);
            from += padded(head.points);
        } else {
            std::fill_n(quality, head.points,
                        head.qualities == Qualities::one ? head.quality : Quality::good());
        }
        at += head.points;
    }
    return possible;
}

void BinaryDecoder::Reader::fill_runs(Batch& batch) const {
    // Of one form, as many points as runs, none of which is empty: they lie as in the row before.
    if (row_ && batch.runs.back().end == runs_) return;
    std::uint32_t at = 0;
    for (std::size_t i = 0; i < runs_; ++i) {
        batch.runs[i].begin = at;
        batch.runs[i].end = at += row_ ? 1 : heads_[i].points;
    }
}

void BinaryDecoder::Reader::fill_values(const RunHead& head, const std::uint8_t* from, double* to) {
    const double divisor = power_of_ten[head.exponent];
    switch (head.values) {
        case Values::doubles:
            std::memcpy(to, from, std::size_t{head.points} * sizeof(double));
            break;
        case Values::i16:
            return scale_into<std::int16_t>(from, head.points, divisor, to);
        case Values::i32:
            return scale_into<std::int32_t>(from, head.points, divisor, to);
        case Values::i64:
            return scale_into<std::int64_t>(from, head.points, divisor, to);
    }
}

}  // namespace mw::payload
