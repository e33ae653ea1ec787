#include "data/datasets/make.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "data/datasets/leaks.h"

namespace mw::datasets {
namespace {

constexpr std::size_t authors_max = 50;

struct Tally {
    std::size_t rows = 0, labelled = 0, anomalous = 0, devices = 0;
    JsonObject json() const {
        return {{"rows", rows},
                {"labelled_rows", labelled},
                {"anomalous_rows", anomalous},
                {"devices", devices}};
    }
};

// Number 0: the rows that are in no split.
Tally tally_of(const Content& content, std::size_t number) {
    Tally tally;
    for (const auto& device : content.devices) {
        const std::size_t before = tally.rows;
        for (std::size_t row = 0; row < device.recording.rows(); ++row) {
            if (device.split[row] != number) continue;
            ++tally.rows;
            tally.labelled += device.labelled[row];
            tally.anomalous += device.recording.labels[row];
        }
        tally.devices += tally.rows > before;
    }
    return tally;
}

JsonArray splits_json(const Content& content) {
    JsonArray list;
    for (std::size_t i = 0; i < content.splits.size(); ++i) {
        JsonObject split = tally_of(content, i + 1).json();
        split["name"] = content.splits[i];
        list.push_back(std::move(split));
    }
    return list;
}

// How good the points of each signal are that got in.
JsonArray quality_json(const Content& content) {
    JsonArray list;
    const std::size_t width = content.signals.size();
    for (std::size_t column = 0; column < width; ++column) {
        std::size_t points = 0, good = 0;
        for (const auto& device : content.devices)
            for (std::size_t row = 0; row < device.recording.rows(); ++row) {
                const Quality quality = device.recording.quality[row * width + column];
                points += !quality.is_bad();
                good += quality.is_good();
            }
        list.push_back(JsonObject{{"signal", content.signals[column]},
                                  {"points", points},
                                  {"good", good},
                                  {"uncertain", points - good},
                                  {"missing", content.rows() - points}});
    }
    return list;
}

// Who gave the answers that lie in the rows.
JsonArray authors_json(const Content& content, const labels::Labels& answers) {
    std::set<std::string> authors;
    for (const auto& answer : answers) {
        const auto device =
            std::find_if(content.devices.begin(), content.devices.end(),
                         [&](const DeviceRows& rows) { return rows.device == answer.device; });
        if (device == content.devices.end()) continue;
        const auto& times = device->recording.times;
        const auto first = std::lower_bound(times.begin(), times.end(), answer.window_from);
        if (first != times.end() && *first <= answer.window_to) authors.insert(answer.author);
    }
    JsonArray list;
    for (const auto& author : authors)
        if (list.size() < authors_max) list.emplace_back(author);
    return list;
}

}  // namespace

Result<Made> make_dataset(Materials m) {
    const labels::Labels& answers = m.answers;
    TRY(Content content, assemble(m.csv, m.order, answers));
    if (content.rows() == 0)
        return Error{Errc::not_found,
                     "there are no rows" +
                         (content.quarantined > 0 ? "; " + std::to_string(content.quarantined) +
                                                        " bad points are in quarantine"
                                                  : std::string()) +
                         ". Next step: check product, devices, signals, from and to"};
    const std::size_t labelled = content.labelled_rows();
    if (m.order.golden && (labelled == 0 || content.anomalous_rows() == 0))
        return Error{Errc::invalid_input,
                     "a golden dataset needs rows that are known to be anomalous; of " +
                         std::to_string(content.rows()) + " rows " + std::to_string(labelled) +
                         " have a label. Next step: labels.signal, or answer label tasks"};
    TRY_VOID(part_rows(content, m.order.splits, m.assets));
    const Leaks leaks = leaks_of(content, m.order.splits, m.assets, m.known_until);
    Made made;
    JsonArray signals;
    for (const auto& signal : content.signals) signals.emplace_back(signal);
    made.facts = {{"rows", content.rows()},
                  {"devices", content.devices.size()},
                  {"labelled_rows", labelled},
                  {"anomalous_rows", content.anomalous_rows()},
                  {"quarantined_points", content.quarantined},
                  {"signals", std::move(signals)},
                  {"quality", quality_json(content)},
                  {"authors", authors_json(content, answers)}};
    if (!content.splits.empty()) made.facts["splits"] = splits_json(content);
    if (!content.splits.empty()) made.facts["rows_in_no_split"] = tally_of(content, 0).rows;
    if (leaks.all > 0)
        made.facts["leaks"] = JsonObject{
            {"number", leaks.all}, {"allowed", m.order.allow_leaks}, {"told", to_json(leaks.told)}};
    if (leaks.all > 0 && !m.order.allow_leaks) {
        made.refused = told_leaks(leaks);
        return made;
    }
    TRY(const std::string text, write_dataset(content));
    made.bytes.assign(text.begin(), text.end());
    return made;
}

}  // namespace mw::datasets
