#include "data/datasets/dataset_file.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number.h"

namespace mw::datasets {
namespace {

constexpr std::string_view magic = "#millwright-dataset 1\n";
constexpr std::string_view split_magic = "#millwright-dataset 2\n";  // the same with splits
constexpr std::string_view quality_suffix = ":quality";
constexpr Quality missing = Quality::bad(Reason::not_a_number);

Error bad_dataset(std::string message) {
    return {Errc::invalid_input, "dataset: " + std::move(message)};
}
Error at_line(std::size_t line, std::string_view what) {
    return bad_dataset("line " + std::to_string(line) + ": " + std::string(what));
}

// RFC 4180: quotes only where they are needed.
void append_text(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) out.append(c == '"' ? 2 : 1, c);
    out += '"';
}

template <class T>
void append_number(std::string& out, T value) {
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof text, value);
    out.append(text, end);
}

void append_value(std::string& out, double value) {
    if (std::isnan(value))
        out += "nan";
    else
        append_number(out, value);  // the shortest form that reads back to the same bits
}

bool printable(std::string_view name) {
    return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
}

Result<> check_names(const Content& content) {
    for (const auto& signal : content.signals)
        if (!printable(signal)) return bad_dataset("a signal's name has control characters");
    for (const auto& device : content.devices)
        if (!printable(device.device)) return bad_dataset("a device's name has control characters");
    for (const auto& split : content.splits)
        if (!printable(split)) return bad_dataset("a split's name has control characters");
    if (content.splits.size() > splits_max)
        return bad_dataset("want at most " + std::to_string(splits_max) + " splits");
    if (content.signals.empty() || content.signals.size() > signals_max)
        return bad_dataset("want 1 to " + std::to_string(signals_max) + " signals");
    if (content.rows() > cells_max / content.signals.size())
        return bad_dataset(
            "it has more than " + std::to_string(cells_max) +
            " cells (rows x signals). Next step: a shorter time range or fewer signals");
    return {};
}

// Cells of one line; false when a quote is not closed or stands where none may.
bool split(std::string_view line, std::vector<std::string>& cells) {
    cells.assign(1, {});
    for (std::size_t i = 0; i < line.size();) {
        if (line[i] == '"') {
            if (!cells.back().empty()) return false;
            for (++i;; ++i) {
                if (i >= line.size()) return false;
                if (line[i] != '"') {
                    cells.back() += line[i];
                } else if (i + 1 < line.size() && line[i + 1] == '"') {
                    cells.back() += '"', ++i;
                } else {
                    break;
                }
            }
            ++i;
            if (i < line.size() && line[i] != ',') return false;
        } else if (line[i] == ',') {
            cells.emplace_back();
            ++i;
        } else {
            cells.back() += line[i++];
        }
    }
    return true;
}

class Reader {
 public:
    Result<Content> read(std::string_view text) {
        split_ = text.starts_with(split_magic);
        if (!split_ && !text.starts_with(magic))
            return bad_dataset("it does not begin with '" +
                               std::string(magic.substr(0, magic.size() - 1)) + "' or 2");
        text.remove_prefix(magic.size());
        for (line_ = 2; !text.empty(); ++line_) {
            const auto end = text.find('\n');
            if (end == std::string_view::npos)
                return at_line(line_, "the end of the line is missing");
            if (!split(text.substr(0, end), cells_))
                return at_line(line_, "a quote is out of place");
            text.remove_prefix(end + 1);
            TRY_VOID(line_ == 2 ? header() : row());
        }
        if (content_.signals.empty()) return at_line(2, "the header is missing");
        return std::move(content_);
    }

 private:
    Result<> header() {
        const std::size_t first = first_signal();
        if (cells_.size() < first + 2 || (cells_.size() - first) % 2 != 0 ||
            cells_[0] != "device" || cells_[1] != "time" || cells_[2] != "label" ||
            (split_ && cells_[3] != "split") || (cells_.size() - first) / 2 > signals_max)
            return at_line(line_, split_
                                      ? "want device,time,label,split and two columns for each "
                                        "signal"
                                      : "want device,time,label and two columns for each signal");
        for (std::size_t i = first; i < cells_.size(); i += 2) {
            if (cells_[i + 1] != cells_[i] + std::string(quality_suffix))
                return at_line(line_, "want '" + cells_[i] + std::string(quality_suffix) + "'");
            content_.signals.push_back(cells_[i]);
        }
        return {};
    }

    Result<> row() {
        const std::size_t first = first_signal(), want = first + 2 * content_.signals.size();
        if (cells_.size() != want)
            return at_line(line_, "it has " + std::to_string(cells_.size()) + " cells, want " +
                                      std::to_string(want));
        if (content_.devices.empty() || content_.devices.back().device != cells_[0]) {
            if (!content_.devices.empty() && content_.devices.back().device >= cells_[0])
                return at_line(line_, "devices must ascend");
            content_.devices.push_back({cells_[0], {content_.signals, {}, {}, {}, {}}, {}});
        }
        DeviceRows& device = content_.devices.back();
        detectors::Recording& recording = device.recording;
        Timestamp time;
        if (!read_number(cells_[1], time.ns))
            return at_line(line_, "time must be whole nanoseconds");
        if (!recording.times.empty() && recording.times.back() >= time)
            return at_line(line_, "times must ascend");
        if (cells_[2] != "" && cells_[2] != "0" && cells_[2] != "1")
            return at_line(line_, "label must be 0, 1 or empty");
        if (++rows_ > cells_max / content_.signals.size())
            return at_line(line_, "there are more than " + std::to_string(cells_max) + " cells");
        recording.times.push_back(time);
        recording.labels.push_back(cells_[2] == "1");
        device.labelled.push_back(!cells_[2].empty());
        if (split_) TRY_VOID(read_split(device));
        for (std::size_t i = first; i < cells_.size(); i += 2) TRY_VOID(point(recording, i));
        return {};
    }

    std::size_t first_signal() const { return split_ ? 4 : 3; }

    Result<> read_split(DeviceRows& device) {
        std::size_t number = 0;
        if (!cells_[3].empty()) {
            auto& names = content_.splits;
            const auto at = std::find(names.begin(), names.end(), cells_[3]);
            number = static_cast<std::size_t>(at - names.begin()) + 1;
            if (at == names.end()) names.push_back(cells_[3]);
            if (names.size() > splits_max)
                return at_line(line_,
                               "there are more than " + std::to_string(splits_max) + " splits");
        }
        device.split.push_back(static_cast<std::uint8_t>(number));
        return {};
    }

    Result<> point(detectors::Recording& recording, std::size_t at) {
        double value = std::numeric_limits<double>::quiet_NaN();
        unsigned quality = missing.code;
        if (cells_[at].empty() != cells_[at + 1].empty())
            return at_line(line_, "a value and its quality go together");
        if (!cells_[at].empty()) {
            if (cells_[at] != "nan" && !read_number(cells_[at], value))
                return at_line(line_, "'" + cells_[at].substr(0, 40) + "' is not a number");
            if (!read_number(cells_[at + 1], quality) || quality > 255)
                return at_line(line_, "quality must be 0 to 255");
        }
        recording.values.push_back(value);
        recording.quality.push_back(Quality{static_cast<std::uint8_t>(quality)});
        return {};
    }

    Content content_;
    std::vector<std::string> cells_;
    std::size_t line_ = 1;
    std::size_t rows_ = 0;
    bool split_ = false;
};

}  // namespace

std::size_t Content::rows() const {
    std::size_t sum = 0;
    for (const auto& device : devices) sum += device.recording.rows();
    return sum;
}

std::size_t Content::labelled_rows() const {
    std::size_t sum = 0;
    for (const auto& device : devices)
        sum += static_cast<std::size_t>(
            std::count(device.labelled.begin(), device.labelled.end(), std::uint8_t{1}));
    return sum;
}

std::size_t Content::anomalous_rows() const {
    std::size_t sum = 0;
    for (const auto& device : devices)
        sum += static_cast<std::size_t>(std::count(device.recording.labels.begin(),
                                                   device.recording.labels.end(), std::uint8_t{1}));
    return sum;
}

Result<std::string> write_dataset(const Content& content) {
    TRY_VOID(check_names(content));
    const bool parted = !content.splits.empty();
    std::string out(parted ? split_magic : magic);
    out += parted ? "device,time,label,split" : "device,time,label";
    for (const auto& signal : content.signals) {
        out += ',';
        append_text(out, signal);
        out += ',';
        append_text(out, signal + std::string(quality_suffix));
    }
    out += '\n';
    for (const auto& [device, recording, labelled, splits] : content.devices) {
        for (std::size_t row = 0; row < recording.rows(); ++row) {
            append_text(out, device);
            out += ',';
            append_number(out, recording.times[row].ns);
            out += labelled[row] == 0 ? "," : recording.labels[row] != 0 ? ",1" : ",0";
            if (parted) {
                out += ',';
                if (splits[row] > 0) append_text(out, content.splits[splits[row] - 1u]);
            }
            for (std::size_t i = row * recording.width(); i < (row + 1) * recording.width(); ++i) {
                out += ',';
                const Quality quality = recording.quality[i];
                if (std::isnan(recording.values[i]) && quality == missing) {
                    out += ',';
                    continue;
                }
                append_value(out, recording.values[i]);
                out += ',';
                append_number(out, unsigned{quality.code});
            }
            out += '\n';
        }
    }
    return out;
}

Result<Content> read_dataset(std::string_view text) {
    TRY(Content content, Reader().read(text));
    TRY(const std::string canonical, write_dataset(content));
    if (canonical == text) return content;
    const auto differs =
        std::mismatch(canonical.begin(), canonical.end(), text.begin(), text.end());
    const auto line = std::count(canonical.begin(), differs.first, '\n') + 1;
    return at_line(static_cast<std::size_t>(line), "it is not in the canonical form");
}

namespace {

// Stretches of rows of the split with this number; 0: of all rows.
std::vector<detectors::Recording> stretches(const Content& content, std::size_t split,
                                            bool labelled) {
    std::vector<detectors::Recording> parts;
    for (const auto& device : content.devices) {
        const auto& labels = device.recording.labels;
        const auto wanted = [&](std::size_t row) {
            return (labelled ? device.labelled[row] != 0 : labels[row] == 0) &&
                   (split == 0 || device.split[row] == split);
        };
        for (std::size_t from = 0; from < labels.size();) {
            std::size_t to = from;
            while (to < labels.size() && wanted(to)) ++to;
            if (to > from) {
                parts.push_back(device.recording.part(from, to));
                if (!labelled) parts.back().labels.clear();
            }
            from = to + 1;
        }
    }
    return parts;
}

// From 1; not_found lists those that there are.
Result<std::size_t> split_number(const Content& content, std::string_view split) {
    const auto at = std::find(content.splits.begin(), content.splits.end(), split);
    if (at != content.splits.end())
        return static_cast<std::size_t>(at - content.splits.begin()) + 1;
    std::string known;
    for (const auto& name : content.splits) known += (known.empty() ? "" : ", ") + name;
    return Error{Errc::not_found, "the dataset has no split '" + std::string(split) + "'" +
                                      (known.empty() ? "" : "; it has " + known)};
}

}  // namespace

std::vector<detectors::Recording> normal_rows(const Content& content) {
    return stretches(content, 0, false);
}

Result<std::vector<detectors::Recording>> normal_rows(const Content& content,
                                                      std::string_view split) {
    TRY(const std::size_t number, split_number(content, split));
    return stretches(content, number, false);
}

Result<std::vector<detectors::Recording>> labelled_rows(const Content& content,
                                                        std::string_view split) {
    std::size_t number = 0;
    if (!split.empty()) {
        TRY(number, split_number(content, split));
    }
    return stretches(content, number, true);
}

}  // namespace mw::datasets
