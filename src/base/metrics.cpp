#include "base/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/assert.h"

namespace mw::metrics {
namespace {

constexpr std::size_t label_sets_max = 64;

bool is_name(std::string_view text) {
    if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
    return std::ranges::all_of(
        text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
    for (char c : text) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '\n')
            out += "\\n";
        else if (c == '"' && quotes)
            out += "\\\"";
        else
            out += c;
    }
}

// Shortest text that reads back as the same double.
std::string number_text(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    char text[32];
    for (int digits = 1; digits <= 17; ++digits) {
        std::snprintf(text, sizeof text, "%.*g", digits, value);
        if (std::strtod(text, nullptr) == value) break;
    }
    return text;
}

// {a="b",le="0.5"}; extra is one more pair, already escaped.
std::string label_text(const Labels& labels, std::string_view extra = {}) {
    std::string text;
    for (const auto& [key, value] : labels) {
        text += text.empty() ? "{" : ",";
        text += key + "=\"";
        append_escaped(text, value, true);
        text += '"';
    }
    if (!extra.empty()) text += (text.empty() ? "{" : ",") + std::string(extra);
    return text.empty() ? text : text + "}";
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      buckets_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
    ASSERT(std::ranges::is_sorted(bounds_));
}

void Histogram::observe(double value) noexcept {
    // NaN falls into the last bucket and would spoil the sum for good.
    auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
    if (std::isnan(value)) bucket = static_cast<std::ptrdiff_t>(bounds_.size()), value = 0;
    buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= bounds_.size(); ++i) count += in_bucket(i);
    return count;
}

// A node of the append-only list: once linked, only its instrument changes.
struct Registry::Entry {
    Entry(Kind k, std::string_view n, std::string_view h, Labels l, std::span<const double> bounds)
        : kind(k), name(n), help(h), labels(std::move(l)) {
        if (kind == Kind::histogram) histogram = std::make_unique<Histogram>(bounds);
    }

    Kind kind;
    std::string name;
    std::string help;
    Labels labels;
    Counter counter;
    Gauge gauge;
    std::unique_ptr<Histogram> histogram;
    Entry* older = nullptr;
};

Registry::~Registry() {
    for (Entry* entry = newest_.load(); entry;) delete std::exchange(entry, entry->older);
}

Counter& Registry::counter(std::string_view name, std::string_view help, Labels labels) {
    ASSERT(name.ends_with("_total"));
    return entry(Kind::counter, name, help, std::move(labels), {}).counter;
}

Gauge& Registry::gauge(std::string_view name, std::string_view help, Labels labels) {
    ASSERT(!name.ends_with("_total"));
    return entry(Kind::gauge, name, help, std::move(labels), {}).gauge;
}

Histogram& Registry::histogram(std::string_view name, std::string_view help, Labels labels,
                               std::span<const double> bounds) {
    return *entry(Kind::histogram, name, help, std::move(labels), bounds).histogram;
}

Registry::Entry& Registry::entry(Kind kind, std::string_view name, std::string_view help,
                                 Labels labels, std::span<const double> bounds) {
    ASSERT(is_name(name) && name.starts_with("millwright_"));
    for (const auto& [key, value] : labels) ASSERT(is_name(key) && key != "le");
    std::ranges::sort(labels);
    std::unique_ptr<Entry> fresh;
    Entry* head = newest_.load(std::memory_order_acquire);
    for (;;) {
        std::size_t label_sets = 0;
        for (Entry* known = head; known; known = known->older) {
            if (known->name != name) continue;
            ASSERT(known->kind == kind);
            if (known->labels == labels) return *known;
            ++label_sets;
        }
        if (label_sets >= label_sets_max && !labels.empty() && labels[0].second != "other") {
            for (auto& label : labels) label.second = "other";
            fresh.reset();
            continue;
        }
        if (!fresh) fresh = std::make_unique<Entry>(kind, name, help, labels, bounds);
        fresh->older = head;
        if (newest_.compare_exchange_weak(head, fresh.get(), std::memory_order_acq_rel))
            return *fresh.release();
    }
}

std::string Registry::expose() const {
    std::map<std::string_view, std::vector<const Entry*>> families;
    for (const Entry* entry = newest_.load(std::memory_order_acquire); entry; entry = entry->older)
        families[entry->name].push_back(entry);
    constexpr std::string_view kinds[] = {"counter", "gauge", "histogram"};
    std::string out;
    for (auto& [name, entries] : families) {
        std::ranges::sort(entries, {}, [](const Entry* entry) { return entry->labels; });
        out += "# HELP " + std::string(name) + " ";
        append_escaped(out, entries.back()->help, false);
        out += "\n# TYPE " + std::string(name) + " ";
        out += std::string(kinds[static_cast<int>(entries[0]->kind)]) + "\n";
        for (const Entry* entry : entries) {
            auto line = [&](std::string_view suffix, std::string_view extra, std::string value) {
                out += entry->name + std::string(suffix) + label_text(entry->labels, extra) + " " +
                       value + "\n";
            };
            if (entry->kind == Kind::counter) line("", "", std::to_string(entry->counter.value()));
            if (entry->kind == Kind::gauge) line("", "", number_text(entry->gauge.value()));
            if (entry->kind != Kind::histogram) continue;
            const Histogram& histogram = *entry->histogram;
            std::uint64_t below = 0;
            for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
                below += histogram.in_bucket(i);
                line("_bucket", "le=\"" + number_text(histogram.bounds()[i]) + "\"",
                     std::to_string(below));
            }
            below += histogram.in_bucket(histogram.bounds().size());
            line("_bucket", "le=\"+Inf\"", std::to_string(below));
            line("_sum", "", number_text(histogram.sum()));
            line("_count", "", std::to_string(below));
        }
    }
    return out;
}

}  // namespace mw::metrics
