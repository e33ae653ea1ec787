#include "insight/detectors/evaluation.h"

namespace mw::detectors {
namespace {

double share(std::uint64_t part, std::uint64_t rest) {
    return part == 0 ? 0 : static_cast<double>(part) / static_cast<double>(part + rest);
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
    true_positive += other.true_positive;
    false_positive += other.false_positive;
    true_negative += other.true_negative;
    false_negative += other.false_negative;
    fallbacks += other.fallbacks;
    return *this;
}

double Counts::f1() const { return share(2 * true_positive, false_positive + false_negative); }
double Counts::false_alarm_rate() const { return share(false_positive, true_negative); }
double Counts::missed_alarm_rate() const { return share(false_negative, true_positive); }

Result<RowVerdicts> decide_rows(pipeline::Pipeline& pipeline, const Recording& recording) {
    TRY(RowReader reader, RowReader::open(recording, pipeline.spec().signals()));
    using Outcome = RowVerdicts::Outcome;
    RowVerdicts verdicts;
    verdicts.alarm.reserve(recording.rows());
    verdicts.outcome.reserve(recording.rows());
    bool alarm = false;
    features::Resampler grid(pipeline.spec().inputs.size(), pipeline.spec().resample);
    for (std::size_t row = 0; row < recording.rows(); ++row) {
        std::optional<pipeline::Outcome> outcome;
        grid.add(reader.at(row));
        while (const auto even = grid.next())
            if (auto said = pipeline.push(*even)) outcome = std::move(said);
        if (outcome) alarm = outcome->decision;
        verdicts.alarm.push_back(alarm);
        verdicts.outcome.push_back(!outcome                    ? Outcome::none
                                   : outcome->fallback.empty() ? Outcome::decided
                                                               : Outcome::fell_back);
    }
    return verdicts;
}

Result<Counts> evaluate(pipeline::Pipeline& pipeline, const Recording& recording,
                        std::size_t scored_from) {
    if (!recording.labels.empty() && recording.labels.size() != recording.rows())
        return Error{Errc::invalid_input, "recording: want one label per row"};
    TRY(const RowVerdicts verdicts, decide_rows(pipeline, recording));
    Counts counts;
    for (std::size_t row = scored_from; row < recording.rows(); ++row) {
        counts.fallbacks += verdicts.outcome[row] == RowVerdicts::Outcome::fell_back;
        const bool anomalous = !recording.labels.empty() && recording.labels[row] != 0;
        if (anomalous)
            ++(verdicts.alarm[row] ? counts.true_positive : counts.false_negative);
        else
            ++(verdicts.alarm[row] ? counts.false_positive : counts.true_negative);
    }
    return counts;
}

}  // namespace mw::detectors
