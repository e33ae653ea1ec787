#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mw {
namespace {

const double gamma_value = (1 + Histogram::alpha) / (1 - Histogram::alpha);
const double inverse_log_gamma = 1 / std::log(gamma_value);
constexpr char magic[4] = {'M', 'W', 'H', '1'};
constexpr std::size_t stores = 2;

std::int32_t bucket_of(double magnitude) {
    return static_cast<std::int32_t>(
        std::ceil(std::log(std::min(magnitude, Histogram::largest)) * inverse_log_gamma));
}
const std::int32_t lowest_bucket = bucket_of(Histogram::smallest);
const std::int32_t highest_bucket = bucket_of(Histogram::largest);

// The point of a bucket from which both ends are alpha away.
double value_of(std::int32_t bucket) {
    return 2 * std::pow(gamma_value, bucket) / (gamma_value + 1);
}

void append_varint(Bytes& out, std::uint64_t value) {
    for (; value >= 128; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 128));
    out.push_back(static_cast<std::uint8_t>(value));
}
void append_double(Bytes& out, double value) {
    out.resize(out.size() + 8);
    store_le(out.data() + out.size() - 8, value);
}

struct Reader {
    ByteView bytes;
    std::size_t at = 0;

    Result<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (at >= bytes.size()) return Error{Errc::invalid_input, "ends inside a number"};
            std::uint8_t byte = bytes[at++];
            if (shift == 63 && byte > 1) break;
            value |= static_cast<std::uint64_t>(byte & 127) << shift;
            if (byte < 128) return value;
        }
        return Error{Errc::invalid_input, "a number has more than 64 bits"};
    }
    Result<double> number() {
        if (bytes.size() - at < 8) return Error{Errc::invalid_input, "ends inside a number"};
        at += 8;
        return load_le<double>(bytes.data() + at - 8);
    }
};

std::uint64_t zigzag(std::int64_t value) {
    return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

struct Bucket {
    std::int64_t index;
    std::uint64_t count;
};

}  // namespace

// What arrives from outside, before it is checked.
struct Histogram::Summary {
    double sum = 0, min = 0, max = 0;
    std::uint64_t zero = 0;
    std::vector<Bucket> sides[stores];  // positive, negative
};

bool Histogram::add(double value, std::uint64_t times) {
    if (std::isnan(value)) return false;
    if (times == 0) return true;
    value = std::clamp(value, -largest, largest);
    if (std::abs(value) < smallest)
        zero_ += times;
    else if (value > 0)
        positive_.add(bucket_of(value), times);
    else
        negative_.add(bucket_of(-value), times);
    min_ = count_ ? std::min(min_, value) : value;
    max_ = count_ ? std::max(max_, value) : value;
    sum_ += value * static_cast<double>(times);
    count_ += times;
    return true;
}

void Histogram::merge(const Histogram& other) {
    if (other.empty()) return;
    min_ = count_ ? std::min(min_, other.min_) : other.min_;
    max_ = count_ ? std::max(max_, other.max_) : other.max_;
    sum_ += other.sum_;
    zero_ += other.zero_;
    count_ += other.count_;
    positive_.merge(other.positive_);
    negative_.merge(other.negative_);
}

double Histogram::quantile(double q) const {
    if (empty()) return 0;
    auto rank =
        static_cast<std::uint64_t>(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_ - 1));
    std::uint64_t seen = 0;
    auto within = [&](double value) { return std::clamp(value, min_, max_); };
    for (auto i = negative_.counts.size(); i-- > 0;)
        if ((seen += negative_.counts[i]) > rank)
            return within(-value_of(negative_.first + static_cast<std::int32_t>(i)));
    if ((seen += zero_) > rank) return within(0);
    for (std::size_t i = 0; i < positive_.counts.size(); ++i)
        if ((seen += positive_.counts[i]) > rank)
            return within(value_of(positive_.first + static_cast<std::int32_t>(i)));
    return max_;
}

std::uint64_t Histogram::rank(double value) const {
    if (std::isnan(value) || empty()) return 0;
    std::uint64_t below = 0;
    bool negative = value <= -smallest, positive = value >= smallest;
    std::int32_t bucket = negative || positive ? bucket_of(std::abs(value)) : 0;
    for (std::size_t i = 0; i < negative_.counts.size(); ++i)
        if (!negative || negative_.first + static_cast<std::int32_t>(i) >= bucket)
            below += negative_.counts[i];
    if (negative) return below;
    below += zero_;
    for (std::size_t i = 0; positive && i < positive_.counts.size(); ++i)
        if (positive_.first + static_cast<std::int32_t>(i) <= bucket) below += positive_.counts[i];
    return below;
}

void Histogram::Store::add(std::int32_t index, std::uint64_t times) {
    if (counts.empty()) first = index;
    if (index < first) {
        counts.insert(counts.begin(), static_cast<std::size_t>(first - index), 0);
        first = index;
    }
    auto at = static_cast<std::size_t>(index - first);
    if (at >= counts.size()) counts.resize(at + 1);
    counts[at] += times;
}

void Histogram::Store::merge(const Store& other) {
    if (other.counts.empty()) return;
    auto last = other.first + static_cast<std::int32_t>(other.counts.size()) - 1;
    add(other.first, 0), add(last, 0);
    for (std::size_t i = 0; i < other.counts.size(); ++i)
        counts[static_cast<std::size_t>(other.first - first) + i] += other.counts[i];
}

bool Histogram::Store::same_as(const Store& other) const { return to_json() == other.to_json(); }

bool Histogram::operator==(const Histogram& other) const {
    return zero_ == other.zero_ && positive_.same_as(other.positive_) &&
           negative_.same_as(other.negative_);
}

Json Histogram::Store::to_json() const {
    JsonArray list;
    std::int64_t before = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (!counts[i]) continue;
        std::int64_t index = first + static_cast<std::int64_t>(i);
        list.emplace_back(index - before), list.emplace_back(counts[i]);
        before = index;
    }
    return list;
}

void Histogram::Store::append_to(Bytes& out) const {
    append_varint(out, counts.size() - static_cast<std::size_t>(std::ranges::count(counts, 0u)));
    std::int64_t before = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (!counts[i]) continue;
        std::int64_t index = first + static_cast<std::int64_t>(i);
        append_varint(out, zigzag(index - before)), append_varint(out, counts[i]);
        before = index;
    }
}

Bytes Histogram::to_bytes() const {
    Bytes out(magic, magic + sizeof magic);
    append_double(out, sum_), append_double(out, min_), append_double(out, max_);
    append_varint(out, zero_);
    positive_.append_to(out), negative_.append_to(out);
    return out;
}

Result<Histogram> Histogram::from_bytes(ByteView bytes) {
    if (bytes.size() < sizeof magic || std::memcmp(bytes.data(), magic, sizeof magic) != 0)
        return Error{Errc::invalid_input, "histogram: does not begin with MWH1"};
    Reader reader{bytes, sizeof magic};
    Summary summary;
    TRY(summary.sum, reader.number());
    TRY(summary.min, reader.number());
    TRY(summary.max, reader.number());
    TRY(summary.zero, reader.varint());
    for (auto& side : summary.sides) {
        TRY(auto used, reader.varint());
        std::int64_t index = 0;
        for (std::uint64_t i = 0; i < used; ++i) {
            TRY(auto gap, reader.varint());
            TRY(auto count, reader.varint());
            if (gap > 1'000'000)
                return Error{Errc::invalid_input, "histogram: bucket out of range"};
            side.push_back({index += unzigzag(gap), count});
        }
    }
    if (reader.at != bytes.size())
        return Error{Errc::invalid_input, "histogram: bytes after the end"};
    return build(summary);
}

Json Histogram::to_json() const {
    return JsonObject{{"alpha", alpha},
                      {"count", count_},
                      {"sum", sum_},
                      {"min", min_},
                      {"max", max_},
                      {"zero", zero_},
                      {"pos", positive_.to_json()},
                      {"neg", negative_.to_json()}};
}

Result<Histogram> Histogram::from_json(const Json& value) {
    Error wrong{Errc::invalid_input,
                "histogram: want {alpha: 0.01, count, sum, min, max, zero, pos, neg}"};
    if (!value.is_object()) return wrong;
    auto number = [&](const char* key) -> std::optional<double> {
        const Json* part = value.as_object().if_contains(key);
        if (!part || !part->is_number()) return {};
        return part->to_number<double>();
    };
    auto count_at = [](const Json* part) -> std::optional<std::uint64_t> {
        if (!part) return {};
        if (part->is_uint64()) return part->as_uint64();
        if (part->is_int64() && part->as_int64() >= 0)
            return static_cast<std::uint64_t>(part->as_int64());
        return {};
    };
    auto sum = number("sum"), min = number("min"), max = number("max");
    auto zero = count_at(value.as_object().if_contains("zero"));
    if (number("alpha") != alpha || !sum || !min || !max || !zero) return wrong;
    Summary summary{*sum, *min, *max, *zero, {}};
    const char* keys[stores] = {"pos", "neg"};
    for (std::size_t s = 0; s < stores; ++s) {
        const Json* list = value.as_object().if_contains(keys[s]);
        if (!list || !list->is_array() || list->as_array().size() % 2) return wrong;
        std::int64_t index = 0;
        for (std::size_t i = 0; i < list->as_array().size(); i += 2) {
            const Json& gap = list->as_array()[i];
            auto count = count_at(&list->as_array()[i + 1]);
            if (!gap.is_int64() || std::abs(gap.as_int64()) > 1'000'000 || !count) return wrong;
            summary.sides[s].push_back({index += gap.as_int64(), *count});
        }
    }
    return build(summary);
}

Result<Histogram> Histogram::build(const Summary& summary) {
    Histogram made;
    made.sum_ = summary.sum, made.min_ = summary.min, made.max_ = summary.max;
    made.zero_ = made.count_ = summary.zero;
    for (std::size_t s = 0; s < stores; ++s) {
        Store& store = s == 0 ? made.positive_ : made.negative_;
        std::int64_t before = lowest_bucket - 1;
        for (auto [index, count] : summary.sides[s]) {
            if (index <= before || index > highest_bucket || count == 0)
                return Error{Errc::invalid_input,
                             "histogram: buckets must grow, lie in range and be used"};
            if (made.count_ + count < count)
                return Error{Errc::invalid_input, "histogram: counts add up to more than 64 bits"};
            store.add(static_cast<std::int32_t>(index), count);
            made.count_ += count, before = index;
        }
    }
    bool ordered = made.empty() ? made.min_ == 0 && made.max_ == 0 : made.min_ <= made.max_;
    if (!ordered || !std::isfinite(made.sum_) || !std::isfinite(made.min_) ||
        !std::isfinite(made.max_))
        return Error{Errc::invalid_input, "histogram: min, max or sum do not fit the counts"};
    return made;
}

}  // namespace mw
