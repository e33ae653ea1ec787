// Metrics to samples, samples to batches: one for what is new, one for what was kept.
#include <algorithm>
#include <cmath>

#include "protocols/payload/payload.h"
#include "protocols/sparkplug/machine.h"

namespace mw::sparkplug {
namespace {

constexpr std::uint32_t no_metric = ~std::uint32_t{0};
constexpr std::uint64_t latest_ms = 9'200'000'000'000;  // the year 2261
constexpr std::size_t unit_bytes_max = 32;
constexpr std::string_view point_stream = "sparkplug";

// Words between host and node.
bool is_between_host_and_node(std::string_view name) {
    return name == "bdSeq" || name.starts_with("Node Control/") ||
           name.starts_with("Device Control/");
}

}  // namespace

// Points of a device behind an edge node belong to its own Device resource, if it has one, and else
// to the node's, where its name comes before that of the metric.
MetricTable Host::Machine::new_table(const Node& node, std::string_view device) const {
    MetricTable table;
    table.target = node.resource;
    if (device.empty()) return table;
    const auto own = node.devices_to.find(device);
    if (own == node.devices_to.end())
        table.prefix = std::string(device) + '/';
    else
        table.target = own->second;
    return table;
}

void Host::Machine::read_birth(MetricTable& table, std::size_t room) {
    for (const Metric& metric : payload_.metrics) {
        if (metric.name.empty()) {
            skip(Skip::unresolved);
            continue;
        }
        const auto known = table.by_name.find(metric.name);
        const std::uint32_t index =
            known != table.by_name.end() ? known->second : add_metric(table, metric, room);
        if (index != no_metric) sample(table, metric, index);
    }
}

// A metric that no birth told is taken when it tells its name and type.
Host::Machine::Reading Host::Machine::read_data(MetricTable& table, std::size_t room) {
    Reading reading;
    const std::size_t metrics_max = table.metrics.size() + room;
    for (const Metric& metric : payload_.metrics) {
        if (!metric.name.empty()) {
            const auto known = table.by_name.find(metric.name);
            if (known != table.by_name.end()) {
                sample(table, metric, known->second);
                continue;
            }
            if (is_between_host_and_node(metric.name)) {
                skip(Skip::control);
                continue;
            }
            reading.told = false;
            if (metric.type != DataType::unknown) {
                const std::uint32_t index = add_metric(table, metric, metrics_max);
                if (index != no_metric) sample(table, metric, index);
                continue;
            }
        } else if (metric.alias) {
            const auto known = table.by_alias.find(*metric.alias);
            if (known != table.by_alias.end()) {
                sample(table, metric, known->second);
                continue;
            }
        }
        skip(Skip::unresolved);
        reading.told = reading.understood = false;
    }
    return reading;
}

std::uint32_t Host::Machine::add_metric(MetricTable& table, const Metric& metric,
                                        std::size_t room) {
    if (table.metrics.size() >= room) {
        skip(Skip::too_many);
        return no_metric;
    }
    const auto index = static_cast<std::uint32_t>(table.metrics.size());
    KnownMetric& known = table.metrics.emplace_back();
    known.signal.assign(table.prefix).append(metric.name);
    known.type = metric.type;
    if (payload::check_name(metric.unit, unit_bytes_max)) known.unit = metric.unit;
    if (is_between_host_and_node(metric.name))
        known.never = Skip::control;
    else if (!payload::check_name(known.signal, options_.name_bytes))
        known.never = Skip::bad_name;
    table.by_name.emplace(metric.name, index);
    if (metric.alias) table.by_alias[*metric.alias] = index;
    return index;
}

void Host::Machine::sample(const MetricTable& table, const Metric& metric, std::uint32_t index) {
    const KnownMetric& known = table.metrics[index];
    if (known.never) return skip(*known.never);
    if (metric.transient) return skip(Skip::transient);
    const Number number =
        value_of(metric, metric.type != DataType::unknown ? metric.type : known.type);
    if (!number.value) return skip(number.why);
    const auto time_ms = metric.timestamp_ms ? metric.timestamp_ms : payload_.timestamp_ms;
    if (time_ms && *time_ms > latest_ms) return skip(Skip::bad_time);
    const Timestamp time =
        time_ms ? Timestamp{static_cast<std::int64_t>(*time_ms) * 1'000'000} : clock_.now();
    const bool is_value = is_box(*number.value) || std::isfinite(*number.value);
    const Quality quality = is_value ? source_quality(metric) : Quality::bad(Reason::not_a_number);
    samples_.push_back({index, time, *number.value, quality, metric.historical});
}

// A number, or a box of boxes_. No NaN that was sent looks like one.
Number Host::Machine::value_of(const Metric& metric, DataType type) {
    if (is_text_type(type) && !metric.null) {
        if (metric.held != Metric::Held::text) return {{}, Skip::mismatch};
        if (metric.text.size() > text_value_bytes_max || !is_utf8(metric.text))
            return {{}, Skip::text};
        return {boxes_.add(metric.text)};
    }
    if (is_text_type(type)) return {no_value};
    if (const auto integer = large_integer_of(metric, type)) return {boxes_.add(*integer)};
    Number number = number_of(metric, type);
    if (number.value && std::isnan(*number.value)) number.value = no_value;
    return number;
}

// The last value again, as stale, and not before it.
void Host::Machine::sample_stale(const MetricTable& table, Timestamp at) {
    for (std::uint32_t i = 0; i < table.metrics.size(); ++i) {
        const KnownMetric& known = table.metrics[i];
        if (!known.has_value || known.stale) continue;
        const Timestamp time = std::max(at, known.time + nanoseconds{1});
        double value = known.value;
        if (known.boxed)
            value =
                std::visit([this](const auto& boxed) { return boxes_.add(boxed); }, *known.boxed);
        samples_.push_back({i, time, value, Quality::bad(Reason::stale), false});
    }
}

// Should storage refuse the second batch, the message comes again, and the first is not stored
// twice.
Result<Ticket> Host::Machine::store(Node& node, const MetricTable& table, ByteView body) {
    std::stable_sort(samples_.begin(), samples_.end(),
                     [](const Sample& a, const Sample& b) { return a.metric < b.metric; });
    const std::size_t hash = std::hash<std::string_view>{}(text_of(body));
    const std::size_t done = node.half_done_hash == hash ? node.half_done : 0;
    std::size_t part = 0;
    Ticket last;
    for (const bool historical : {true, false}) {
        const bool any = std::any_of(samples_.begin(), samples_.end(), [&](const Sample& sample) {
            return sample.historical == historical;
        });
        if (!any || part++ < done) continue;
        fill_batch(table, historical);
        auto ticket = outlet_.store(batch_);
        if (!ticket && ticket.error().code == Errc::invalid_input)
            ticket = outlet_.bury(table.target, {}, ticket.error().message, body);
        if (!ticket) {
            node.half_done_hash = hash;
            node.half_done = part - 1;
            return ticket;
        }
        last = std::max(last, *ticket);
    }
    node.half_done = 0;
    return last;
}

// One run a metric; the strings of former runs are used again.
void Host::Machine::fill_batch(const MetricTable& table, bool historical) {
    batch_.device.text.assign(table.target);
    batch_.position.stream.assign(point_stream);
    batch_.position.sequence = 0;
    batch_.arrival = clock_.now();
    batch_.replayed = historical;  // when it came says nothing
    batch_.times.clear();
    batch_.values.clear();
    batch_.quality.clear();
    batch_.boxes.clear();
    std::size_t runs = 0;
    std::uint32_t metric = no_metric;
    for (const Sample& sample : samples_) {
        if (sample.historical != historical) continue;
        if (sample.metric != metric) {
            metric = sample.metric;
            if (runs == batch_.runs.size()) batch_.runs.emplace_back();
            Run& run = batch_.runs[runs++];
            run.signal.assign(table.metrics[metric].signal);
            run.unit.assign(table.metrics[metric].unit);
            run.begin = static_cast<std::uint32_t>(batch_.times.size());
            run.type = value_type(table.metrics[metric].type);
            run.boxed = false;
        }
        batch_.runs[runs - 1].boxed |= is_box(sample.value);
        batch_.times.push_back(sample.time);
        batch_.values.push_back(batch_.boxes.adopt(sample.value, boxes_));
        batch_.quality.push_back(sample.quality);
        batch_.runs[runs - 1].end = static_cast<std::uint32_t>(batch_.times.size());
    }
    batch_.runs.resize(runs);
}

void Host::Machine::remember(MetricTable& table) const {
    for (const Sample& sample : samples_) {
        KnownMetric& known = table.metrics[sample.metric];
        if (known.has_value && sample.time < known.time) continue;
        known.time = sample.time;
        known.value = sample.value;
        known.boxed.reset();
        if (const auto text = boxes_.text(sample.value))
            known.boxed = std::string(*text);
        else if (const auto integer = boxes_.integer(sample.value))
            known.boxed = *integer;
        known.has_value = known.boxed || std::isfinite(sample.value);
        known.stale = sample.quality == Quality::bad(Reason::stale);
    }
}

}  // namespace mw::sparkplug
