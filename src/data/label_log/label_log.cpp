#include "data/label_log/label_log.h"

#include <algorithm>

#include "base/log.h"

namespace mw::labels {
namespace {

constexpr std::int64_t format_version = 1;

std::string frame_of(const Label& label) {
    Json object = to_json(label);
    object.get_object()["v"] = format_version;
    return mw::to_json(object);
}

// The answer that this one repeats word by word, or, of a gateway, that came before with the same
// event; null: it is new.
const Label* told_before(const Labels& answers, const Label& label) {
    if (!label.event.empty()) {
        const auto found = std::find_if(answers.begin(), answers.end(), [&](const Label& each) {
            return each.event == label.event;
        });
        return found == answers.end() ? nullptr : &*found;
    }
    const Label& newest = answers.back();
    const bool same = newest.task == label.task && newest.author == label.author &&
                      newest.label == label.label && newest.confidence == label.confidence &&
                      newest.adjudication.empty() == label.adjudication.empty();
    return same ? &newest : nullptr;
}

// Whether `a` counts before `b`.
bool older(const Label& a, const Label& b) {
    return a.labelled_at != b.labelled_at ? a.labelled_at < b.labelled_at : a.number < b.number;
}

}  // namespace

LabelLog::~LabelLog() = default;

Result<std::unique_ptr<LabelLog>> LabelLog::open(files::Files& files, Loop& loop, Workers& workers,
                                                 std::string directory) {
    std::unique_ptr<LabelLog> made(new LabelLog());
    files::GroupLogOptions options;
    options.log.directory = std::move(directory);
    options.log.purpose = "labels";
    options.log.segment_bytes = std::size_t{1} << 20;
    const auto replay = [&](const files::LogFrame& frame) {
        made->replay(frame.number, frame.payload);
    };
    auto log = files::GroupLog::open(files, loop, workers, std::move(options), replay);
    if (!log) return std::move(log).error().context("label log");
    made->log_ = std::move(log).value();
    if (made->unreadable_ > 0)
        log::warn("labels.log.frames_skipped", {{"frames", made->unreadable_}});
    return made;
}

void LabelLog::replay(std::uint64_t number, ByteView frame) {
    const auto read = [&]() -> Result<Label> {
        TRY(const Json value, parse_json(text_of(frame)));
        if (find_integer(value, "v") != format_version)
            return Error{Errc::corrupt, "a frame of another version"};
        return label_from_json(value);
    };
    auto label = read();
    if (!label) {
        ++unreadable_;
        return;
    }
    label->number = number;
    keep(std::move(*label));
}

LabelLog::Window LabelLog::window_of(const Label& label) {
    return {label.device, label.window_from, label.window_to, label.model};
}

const Label& LabelLog::keep(Label label) {
    const Window window = window_of(label);
    Labels& answers = windows_[window];
    if (!label.task.empty()) tasks_[label.task] = window;
    const auto place = std::upper_bound(answers.begin(), answers.end(), label, older);
    ++answers_;
    newest_.reset();
    return *answers.insert(place, std::move(label));
}

Task<Label> LabelLog::append(Label label) {
    CO_TRY_VOID(check(label));
    const auto found = windows_.find(window_of(label));
    const Label* before = found == windows_.end() ? nullptr : &found->second.back();
    if (const Label* told = before ? told_before(found->second, label) : nullptr) {
        const Label same = *told;
        CO_TRY_VOID(co_await log_->flush());  // it may have been said while the disk refused
        co_return same;
    }
    if (before && !before->adjudication.empty() && label.adjudication.empty())
        co_return Error{Errc::conflict, "label: " + before->author +
                                            " settled it: " + before->adjudication +
                                            ". Next step: millwright label adjudicate"};
    label.supersedes = before ? before->number : 0;
    // A clock that went back must not make an answer older than the one that it corrects.
    if (before) label.labelled_at = std::max(label.labelled_at, before->labelled_at);
    const std::string frame = frame_of(label);
    auto number = log_->append(bytes_of(frame));
    if (!number) co_return std::move(number).error().context("label log");
    label.number = *number;
    const Label kept = keep(std::move(label));
    CO_TRY_VOID(co_await log_->flush());
    co_return kept;
}

std::shared_ptr<const Labels> LabelLog::newest() {
    if (!newest_) {
        auto all = std::make_shared<Labels>();
        all->reserve(windows_.size());
        for (const auto& [window, answers] : windows_) all->push_back(answers.back());
        newest_ = std::move(all);
    }
    return newest_;
}

Labels LabelLog::as_of(Timestamp time) const {
    Labels all;
    for (const auto& [window, answers] : windows_) {
        const auto later = std::find_if(answers.begin(), answers.end(), [&](const Label& label) {
            return label.labelled_at > time;
        });
        if (later != answers.begin()) all.push_back(*std::prev(later));
    }
    return all;
}

const Label* LabelLog::of_task(const std::string& task) const {
    const auto window = tasks_.find(task);
    if (window == tasks_.end()) return nullptr;
    const Labels& answers = windows_.at(window->second);
    const auto found = std::find_if(answers.rbegin(), answers.rend(),
                                    [&](const Label& label) { return label.task == task; });
    return found == answers.rend() ? nullptr : &*found;
}

std::vector<Labels> LabelLog::windows() const {
    std::vector<Labels> all;
    all.reserve(windows_.size());
    for (const auto& [window, answers] : windows_) all.push_back(answers);
    return all;
}

Labels LabelLog::about(const Label& label) const {
    const auto found = windows_.find(window_of(label));
    return found == windows_.end() ? Labels{} : found->second;
}

Task<> LabelLog::stop() { return log_->stop(); }

}  // namespace mw::labels
