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

Result<Counts> evaluate(pipeline::Pipeline& pipeline, const Recording& recording,
                        std::size_t scored_from) {
    TRY(RowReader reader, RowReader::open(recording, pipeline.spec().signals()));
    if (!recording.labels.empty() && recording.labels.size() != recording.rows())
        return Error{Errc::invalid_input, "recording: want one label per row"};
    Counts counts;
    bool alarm = false;
    for (std::size_t row = 0; row < recording.rows(); ++row) {
        if (const auto outcome = pipeline.push(reader.at(row))) {
            alarm = outcome->decision;
            if (row >= scored_from) counts.fallbacks += !outcome->fallback.empty();
        }
        if (row < scored_from) continue;
        const bool anomalous = !recording.labels.empty() && recording.labels[row] != 0;
        if (anomalous)
            ++(alarm ? counts.true_positive : counts.false_negative);
        else
            ++(alarm ? counts.false_positive : counts.true_negative);
    }
    return counts;
}

}  // namespace mw::detectors
