#include "data/query/row_sources.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace mw::query {
namespace {

using duckdb::Kind;
using duckdb::OutputChunk;

// A table whose rows are reached by number, one writer per column.
template <class Row>
struct Field {
    const char* name;
    Kind kind;
    void (*write)(OutputChunk& out, std::size_t column, std::size_t row, const Row& from);
};

template <class Row>
class Rows final : public duckdb::TableSource {
 public:
    using At = std::function<Row(std::size_t)>;
    Rows(std::span<const Field<Row>> fields, std::size_t count, At at)
        : fields_(fields), count_(count), at_(std::move(at)) {}

    std::vector<duckdb::Column> columns() const override {
        std::vector<duckdb::Column> columns;
        for (const Field<Row>& field : fields_)
            columns.push_back({field.name, {.kind = field.kind}});
        return columns;
    }
    std::size_t row_count() const override { return count_; }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        return std::unique_ptr<duckdb::Scan>(std::make_unique<Scanning>(*this, std::move(wanted)));
    }

 private:
    class Scanning final : public duckdb::Scan {
     public:
        Scanning(const Rows& rows, std::vector<std::size_t> wanted)
            : rows_(rows), wanted_(std::move(wanted)) {}
        Result<std::size_t> fill(OutputChunk& out) override {
            const std::size_t count = std::min(rows_.count_ - done_, duckdb::chunk_rows_max);
            for (std::size_t i = 0; i < count; ++i) {
                const Row row = rows_.at_(done_ + i);
                for (std::size_t c = 0; c < wanted_.size(); ++c) {
                    rows_.fields_[wanted_[c]].write(out, c, i, row);
                }
            }
            done_ += count;
            return count;
        }

     private:
        const Rows& rows_;  // DuckDB keeps the bound source longer than its scans
        std::vector<std::size_t> wanted_;
        std::size_t done_ = 0;
    };

    std::span<const Field<Row>> fields_;
    std::size_t count_;
    At at_;
};

template <class Row>
Source rows(std::span<const Field<Row>> fields, std::size_t count, typename Rows<Row>::At at) {
    return std::make_shared<const Rows<Row>>(fields, count, std::move(at));
}

// --- decisions
// -------------------------------------------------------------------------------------

struct DecisionAt {
    const Decision* decision;
    const history::DeviceContext* context;
};

template <auto member>
void text_of_decision(OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
    out.set_text(column, row, at.decision->*member);
}
template <auto member>
void time_of_decision(OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
    out.column<std::int64_t>(column)[row] = (at.decision->*member).ns;
}
template <auto member>
void double_of_decision(OutputChunk& out, std::size_t column, std::size_t row,
                        const DecisionAt& at) {
    out.column<double>(column)[row] = at.decision->*member;
}

constexpr Field<DecisionAt> decision_fields[] = {
    {"time", Kind::timestamp_ns, time_of_decision<&Decision::window_to>},
    {"device", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         out.set_text(column, row, at.decision->device.text);
     }},
    {"asset", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         const std::string& said = at.decision->asset;
         out.set_text(column, row, said.empty() ? at.context->asset : said);
     }},
    {"site", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         out.set_text(column, row, at.context->site);
     }},
    {"use_case", Kind::varchar, text_of_decision<&Decision::use_case>},
    {"model", Kind::varchar, text_of_decision<&Decision::model>},
    {"version", Kind::varchar, text_of_decision<&Decision::version>},
    {"bundle_hash", Kind::varchar, text_of_decision<&Decision::bundle_hash>},
    {"window_from", Kind::timestamp_ns, time_of_decision<&Decision::window_from>},
    {"window_to", Kind::timestamp_ns, time_of_decision<&Decision::window_to>},
    {"samples", Kind::integer,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         const std::uint32_t most = 0x7fffffff;
         out.column<std::int32_t>(column)[row] =
             static_cast<std::int32_t>(std::min(at.decision->samples, most));
     }},
    {"inputs_quality", Kind::utinyint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         out.column<std::uint8_t>(column)[row] = at.decision->inputs_quality.code;
     }},
    {"score", Kind::double_, double_of_decision<&Decision::score>},
    {"decision", Kind::boolean,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         out.column<bool>(column)[row] = at.decision->decision;
     }},
    {"fallback", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const DecisionAt& at) {
         if (at.decision->fallback.empty())
             out.set_null(column, row);
         else
             out.set_text(column, row, at.decision->fallback);
     }},
    {"latency_us", Kind::double_, double_of_decision<&Decision::latency_us>},
};

// --- series
// ----------------------------------------------------------------------------------------

struct SeriesAt {
    const history::SeriesEntry* entry;
    const history::DeviceContext* context;
};

constexpr Field<SeriesAt> series_fields[] = {
    {"series", Kind::ubigint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.column<std::uint64_t>(column)[row] = at.entry->id.value;
     }},
    {"device", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.set_text(column, row, at.entry->device);
     }},
    {"signal", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.set_text(column, row, at.entry->signal);
     }},
    {"unit", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.set_text(column, row, at.entry->unit);
     }},
    {"asset", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.set_text(column, row, at.context->asset);
     }},
    {"site", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.set_text(column, row, at.context->site);
     }},
    {"type", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const SeriesAt& at) {
         out.set_text(column, row, to_string(at.entry->type));
     }},
};

// --- latest
// ----------------------------------------------------------------------------------------

struct LatestAt {
    const history::SeriesEntry* entry;
    const history::DeviceContext* context;
    const history::LastValue* last;
    const BoxedValue* boxed;  // null: the value is a double
};

// The value as a whole number, if it is one.
std::optional<std::int64_t> integer_of(const LatestAt& at) {
    if (at.boxed) {
        const auto* integer = std::get_if<std::int64_t>(at.boxed);
        return integer ? std::optional(*integer) : std::nullopt;
    }
    const double value = at.last->value;
    if (!(std::abs(value) < 0x1p63) || value != std::trunc(value)) return std::nullopt;
    return static_cast<std::int64_t>(value);
}
const std::string* text_of_latest(const LatestAt& at) {
    return at.boxed ? std::get_if<std::string>(at.boxed) : nullptr;
}

constexpr Field<LatestAt> latest_fields[] = {
    {"series", Kind::ubigint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.column<std::uint64_t>(column)[row] = at.entry->id.value;
     }},
    {"time", Kind::timestamp_ns,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.column<std::int64_t>(column)[row] = at.last->time.ns;
     }},
    {"device", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.set_text(column, row, at.entry->device);
     }},
    {"signal", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.set_text(column, row, at.entry->signal);
     }},
    {"value", Kind::double_,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         const auto integer = at.boxed ? integer_of(at) : std::nullopt;
         out.column<double>(column)[row] = integer ? static_cast<double>(*integer) : at.last->value;
         if (text_of_latest(at)) out.set_null(column, row);
     }},
    {"quality", Kind::utinyint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.column<std::uint8_t>(column)[row] = at.last->quality.code;
     }},
    {"unit", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.set_text(column, row, at.entry->unit);
     }},
    {"asset", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.set_text(column, row, at.context->asset);
     }},
    {"site", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         out.set_text(column, row, at.context->site);
     }},
    {"text", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         if (const auto* text = text_of_latest(at))
             out.set_text(column, row, *text);
         else
             out.set_null(column, row);
     }},
    {"integer", Kind::bigint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LatestAt& at) {
         const auto integer = integer_of(at);
         out.column<std::int64_t>(column)[row] = integer.value_or(0);
         if (!integer) out.set_null(column, row);
     }},
};

// --- scorecard
// -------------------------------------------------------------------------------------

using ScorecardAt = const quality::ScorecardRow*;

template <auto member>
void count_of(OutputChunk& out, std::size_t column, std::size_t row, const ScorecardAt& at) {
    out.column<std::uint64_t>(column)[row] = at->counters.*member;
}
template <auto member>
void double_of(OutputChunk& out, std::size_t column, std::size_t row, const ScorecardAt& at) {
    out.column<double>(column)[row] = at->*member;
}
template <auto member>
void text_of(OutputChunk& out, std::size_t column, std::size_t row, const ScorecardAt& at) {
    out.set_text(column, row, at->*member);
}
using quality::Counters;
using quality::ScorecardRow;

constexpr Field<ScorecardAt> scorecard_fields[] = {
    {"device", Kind::varchar, text_of<&ScorecardRow::device>},
    {"signal", Kind::varchar, text_of<&ScorecardRow::signal>},
    {"points", Kind::ubigint, count_of<&Counters::points>},
    {"good", Kind::ubigint, count_of<&Counters::good>},
    {"uncertain", Kind::ubigint, count_of<&Counters::uncertain>},
    {"bad", Kind::ubigint, count_of<&Counters::bad>},
    {"out_of_range", Kind::ubigint, count_of<&Counters::out_of_range>},
    {"rate_of_change", Kind::ubigint, count_of<&Counters::rate_of_change>},
    {"stuck", Kind::ubigint, count_of<&Counters::stuck>},
    {"spike", Kind::ubigint, count_of<&Counters::spike>},
    {"noise", Kind::ubigint, count_of<&Counters::noise>},
    {"counter_resets", Kind::ubigint, count_of<&Counters::counter_resets>},
    {"missing", Kind::ubigint, count_of<&Counters::missing>},
    {"late", Kind::ubigint, count_of<&Counters::late>},
    {"clock", Kind::ubigint, count_of<&Counters::clock>},
    {"duplicates", Kind::ubigint, count_of<&Counters::duplicates>},
    {"completeness", Kind::double_, double_of<&ScorecardRow::completeness>},
    {"lateness_p99_ms", Kind::double_, double_of<&ScorecardRow::lateness_p99_ms>},
    {"clock_behind_ms", Kind::double_, double_of<&ScorecardRow::clock_behind_ms>},
};

// --- labels
// ----------------------------------------------------------------------------------------

using LabelAt = const labels::Label*;
using labels::Label;

template <auto member>
void text_of_label(OutputChunk& out, std::size_t column, std::size_t row, const LabelAt& at) {
    out.set_text(column, row, at->*member);
}
template <auto member>
void time_of_label(OutputChunk& out, std::size_t column, std::size_t row, const LabelAt& at) {
    out.column<std::int64_t>(column)[row] = (at->*member).ns;
}
template <class T, auto member>
void value_of_label(OutputChunk& out, std::size_t column, std::size_t row, const LabelAt& at) {
    out.column<T>(column)[row] = at->*member;
}

constexpr Field<LabelAt> label_fields[] = {
    {"time", Kind::timestamp_ns, time_of_label<&Label::window_to>},
    {"window_from", Kind::timestamp_ns, time_of_label<&Label::window_from>},
    {"window_to", Kind::timestamp_ns, time_of_label<&Label::window_to>},
    {"device", Kind::varchar, text_of_label<&Label::device>},
    {"asset", Kind::varchar, text_of_label<&Label::asset>},
    {"use_case", Kind::varchar, text_of_label<&Label::use_case>},
    {"model", Kind::varchar, text_of_label<&Label::model>},
    {"version", Kind::varchar, text_of_label<&Label::version>},
    {"score", Kind::double_, value_of_label<double, &Label::score>},
    {"decision", Kind::boolean, value_of_label<bool, &Label::decision>},
    {"label", Kind::boolean, value_of_label<bool, &Label::label>},
    {"why", Kind::varchar, text_of_label<&Label::why>},
    {"propensity", Kind::double_, value_of_label<double, &Label::propensity>},
    {"author", Kind::varchar, text_of_label<&Label::author>},
    {"labelled_at", Kind::timestamp_ns, time_of_label<&Label::labelled_at>},
    {"task", Kind::varchar, text_of_label<&Label::task>},
    {"confidence", Kind::double_,
     [](OutputChunk& out, std::size_t column, std::size_t row, const LabelAt& at) {
         out.column<double>(column)[row] = at->confidence.value_or(0);
         if (!at->confidence) out.set_null(column, row);
     }},
    {"source", Kind::varchar, text_of_label<&Label::source>},
    {"snippet", Kind::varchar, text_of_label<&Label::snippet>},
};

// --- quarantine
// -----------------------------------------------------------------------------------

using RecordAt = const quarantine::Record*;

constexpr Field<RecordAt> record_fields[] = {
    {"number", Kind::ubigint,
     [](OutputChunk& out, std::size_t column, std::size_t row, const RecordAt& at) {
         out.column<std::uint64_t>(column)[row] = at->number;
     }},
    {"verb", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const RecordAt& at) {
         out.set_text(column, row, quarantine::to_string(at->verb));
     }},
    {"decided_by", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const RecordAt& at) {
         out.set_text(column, row, at->by);
     }},
    {"why", Kind::varchar,
     [](OutputChunk& out, std::size_t column, std::size_t row, const RecordAt& at) {
         out.set_text(column, row, at->why);
     }},
    {"decided_at", Kind::timestamp_ns,
     [](OutputChunk& out, std::size_t column, std::size_t row, const RecordAt& at) {
         out.column<std::int64_t>(column)[row] = at->at.ns;
     }},
};

}  // namespace

Source head_decisions(std::shared_ptr<const history::HeadSnapshot> head,
                      history::ContextSnapshot context) {
    const std::size_t count = head->decisions().size();
    return rows<DecisionAt>(decision_fields, count, [head, context](std::size_t i) {
        const Decision* decision = head->decisions()[i];
        return DecisionAt{decision, &history::context_of(context, decision->device.text)};
    });
}

Source series_rows(std::shared_ptr<const history::SeriesDirectory> series,
                   history::ContextSnapshot context) {
    const std::size_t count = series->size();
    return rows<SeriesAt>(series_fields, count, [series, context](std::size_t i) {
        const auto& entry = series->at({static_cast<std::uint32_t>(i)});
        return SeriesAt{&entry, &history::context_of(context, entry.device)};
    });
}

Source latest_rows(const history::HistorySnapshot& snapshot) {
    const auto latest = snapshot.latest;
    if (!latest) return rows<LatestAt>(latest_fields, 0, {});
    return rows<LatestAt>(latest_fields, latest->size(),
                          [latest, boxed = snapshot.latest_boxed, series = snapshot.series,
                           context = snapshot.context](std::size_t i) {
                              const auto& one = (*latest)[i];
                              const auto& entry = series->at(one.series);
                              return LatestAt{
                                  &entry, &history::context_of(context, entry.device), &one.last,
                                  one.last.boxed ? &boxed.at(one.series.index) : nullptr};
                          });
}

Source scorecard_rows(std::shared_ptr<const quality::Scorecard> scorecard) {
    const std::size_t count = scorecard->size();
    return rows<ScorecardAt>(scorecard_fields, count,
                             [scorecard](std::size_t i) { return &(*scorecard)[i]; });
}

Source record_rows(quarantine::Records records) {
    const auto kept = std::make_shared<const quarantine::Records>(std::move(records));
    return rows<RecordAt>(record_fields, kept->size(),
                          [kept](std::size_t i) { return &(*kept)[i]; });
}

Source label_rows(std::shared_ptr<const labels::Labels> labels) {
    const std::size_t count = labels->size();
    return rows<LabelAt>(label_fields, count, [labels](std::size_t i) { return &(*labels)[i]; });
}

}  // namespace mw::query
