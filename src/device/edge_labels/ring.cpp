#include "device/edge_labels/ring.h"

#include <algorithm>

#include "base/log.h"

namespace mw::edge_labels {
namespace {

constexpr std::uint64_t frame_overhead = 32;  // what the log adds to a frame, about

}  // namespace

Result<std::unique_ptr<Ring>> Ring::open(files::Files& files, Loop& loop, Workers& workers,
                                         RingOptions options) {
    std::unique_ptr<Ring> made(new Ring(std::move(options)));
    files::GroupLogOptions log;
    log.log.directory = made->options_.directory;
    log.log.purpose = "snippets";
    log.log.segment_bytes = made->options_.segment_bytes;
    log.readable = true;
    const auto visit = [&](const files::LogFrame& frame) {
        made->replay(frame.number, frame.payload);
    };
    auto opened = files::GroupLog::open(files, loop, workers, std::move(log), visit);
    if (!opened) return std::move(opened).error().context("snippets");
    made->log_ = std::move(*opened);
    if (made->unreadable_ > 0)
        log::warn("edge.snippets.frames_skipped", {{"frames", made->unreadable_}});
    return made;
}

Ring::~Ring() = default;

void Ring::replay(std::uint64_t number, ByteView payload) {
    const auto frame = parse_json(text_of(payload));
    account(number, payload.size());
    if (frame && frame->is_object())
        take_in(*frame, number);
    else
        ++unreadable_;
}

// A snippet, or the answer to one: {"answered": ID, "label": true | false | null}.
void Ring::take_in(const Json& frame, std::uint64_t number) {
    if (const auto answered = find_string(frame, "answered")) {
        const auto found = questions_.find(*answered);
        if (found == questions_.end()) return;
        found->second.label = find_bool(frame, "label");
        found->second.skipped = !found->second.label;
        return;
    }
    Question question;
    const auto id = find_string(frame, "id");
    const auto from = find_integer(frame, "window_from"), to = find_integer(frame, "window_to");
    if (!id || !from || !to) {
        ++unreadable_;
        return;
    }
    question.id = *id;
    question.model = find_string(frame, "model").value_or("");
    question.window_from = {*from};
    question.window_to = {*to};
    question.why = find_string(frame, "why").value_or("");
    question.score = find_number(frame, "score").value_or(0);
    question.frame = number;
    auto& stored = questions_[question.id];
    if (stored.frame != 0) {
        by_frame_.erase(stored.frame);
        question.label = stored.label;
        question.skipped = stored.skipped;
    }
    by_frame_[number] = question.id;
    stored = std::move(question);
}

Result<> Ring::append(const Json& frame) {
    const std::string text = mw::to_json(frame);
    auto number = log_->append(bytes_of(text));
    if (!number) {
        ++failures_;
        return std::move(number).error().context("snippets");
    }
    take_in(frame, *number);
    account(*number, text.size());
    return {};
}

Result<> Ring::keep(const Snippet& snippet) { return append(to_json(snippet)); }

Result<> Ring::settle(const std::string& id, std::optional<bool> label) {
    if (!find(id)) return Error{Errc::not_found, "no snippet '" + id + "'"};
    return append(JsonObject{{"answered", id}, {"label", label ? Json(*label) : Json(nullptr)}});
}

const Question* Ring::find(const std::string& id) const {
    const auto found = questions_.find(id);
    return found == questions_.end() ? nullptr : &found->second;
}

std::vector<Question> Ring::open_questions(std::size_t most) const {
    std::vector<Question> open;
    for (const auto& [id, question] : questions_)
        if (!question.label && !question.skipped) open.push_back(question);
    std::sort(open.begin(), open.end(), [](const Question& a, const Question& b) {
        return a.window_to != b.window_to ? a.window_to > b.window_to : a.id < b.id;
    });
    if (open.size() > most) open.resize(most);
    return open;
}

Task<std::string> Ring::read(std::string id) {
    const Question* question = find(id);
    const Error gone{Errc::not_found, "no snippet '" + id + "' any more"};
    if (!question) co_return gone;
    CO_TRY_VOID(co_await log_->flush());
    question = find(id);
    if (!question) co_return gone;
    std::vector<std::uint64_t> numbers{question->frame};
    CO_TRY(auto frames, co_await log_->read(std::move(numbers)));
    if (frames.empty()) co_return gone;
    CO_TRY(const Bytes bytes, std::move(frames.front()));
    co_return std::string(text_of(bytes));
}

// The log lets go of whole segments, and never of the one that is being written: room for one more
// than what it holds is kept free.
void Ring::account(std::uint64_t number, std::uint64_t bytes) {
    sizes_.push_back({number, bytes + frame_overhead});
    bytes_ += bytes + frame_overhead;
    const std::uint64_t spare = 2 * options_.segment_bytes;
    const std::uint64_t most = options_.bytes_max > spare ? options_.bytes_max - spare : 0;
    std::uint64_t through = 0;
    while (bytes_ > most && sizes_.size() > 1) {
        through = sizes_.front().number;
        bytes_ -= sizes_.front().bytes;
        sizes_.pop_front();
    }
    if (through > 0) forget(through);
}

void Ring::forget(std::uint64_t through) {
    while (!by_frame_.empty() && by_frame_.begin()->first <= through) {
        const auto found = questions_.find(by_frame_.begin()->second);
        if (!found->second.label && !found->second.skipped) ++dropped_open_;
        questions_.erase(found);
        by_frame_.erase(by_frame_.begin());
    }
    if (log_) log_->drop(through);
}

RingFigures Ring::figures() const {
    RingFigures figures;
    for (const auto& [id, question] : questions_)
        ++(question.label || question.skipped ? figures.answered : figures.open);
    figures.bytes = bytes_;
    figures.dropped_open = dropped_open_;
    figures.failures = failures_;
    figures.unreadable = unreadable_;
    return figures;
}

}  // namespace mw::edge_labels
