#include "device/edge_labels/desk.h"

#include <algorithm>

#include "platform/crypto/crypto.h"

namespace mw::edge_labels {
namespace {

constexpr std::size_t author_bytes_max = 64;
constexpr std::size_t event_id_bytes = 16;

std::string event_id(const std::string& id, const Answer& answer, Timestamp now) {
    const std::string key =
        id + '\0' + answer.author + '\0' + (*answer.event ? "1" : "0") + std::to_string(now.ns);
    return to_hex(ByteView(crypto::sha256(bytes_of(key))).first(event_id_bytes));
}

class UnderWay {
 public:
    UnderWay(std::set<std::string>& all, std::string id) : all_(all), id_(std::move(id)) {
        all_.insert(id_);
    }
    ~UnderWay() { all_.erase(id_); }

 private:
    std::set<std::string>& all_;
    std::string id_;
};

}  // namespace

Result<Answer> answer_of(const Json& body) {
    const Error wrong{Errc::invalid_input,
                      R"(want {"label": true, false or "skip"}, and if you like "confidence" )"
                      R"((above 0, at most 1) and "author" (64 bytes of text in one line))"};
    if (!body.is_object()) return wrong;
    for (const auto& [key, value] : body.get_object())
        if (key != "label" && key != "confidence" && key != "author") return wrong;
    Answer answer;
    const Json* label = find(body, "label");
    if (!label) return wrong;
    if (label->is_bool())
        answer.event = label->get_bool();
    else if (!label->is_string() || label->get_string() != "skip")
        return wrong;
    if (find(body, "confidence")) {
        answer.confidence = find_number(body, "confidence");
        if (!answer.confidence || !(*answer.confidence > 0 && *answer.confidence <= 1))
            return wrong;
    }
    if (find(body, "author")) {
        const auto author = find_string(body, "author");
        if (!author || author->size() > author_bytes_max ||
            std::any_of(author->begin(), author->end(), [](char c) {
                return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/';
            }))
            return wrong;
        answer.author = *author;
    }
    return answer;
}

Desk::Desk(Parts parts)
    : parts_(std::move(parts)),
      answers_(parts_.metrics.counter("millwright_edge_labels_answers_total",
                                      "Answers that went into the outbox.")),
      open_(parts_.metrics.gauge("millwright_edge_labels_open", "Snippets that nobody answered.")),
      bytes_(parts_.metrics.gauge("millwright_edge_labels_ring_bytes",
                                  "Size of the ring of snippets on disk.")),
      dropped_(parts_.metrics.gauge("millwright_edge_labels_dropped",
                                    "Snippets that left the full ring before anybody answered.")),
      failures_(parts_.metrics.gauge("millwright_edge_labels_failures",
                                     "Snippets and answers that the disk refused.")) {}

JsonArray Desk::questions(std::size_t most) const {
    JsonArray list;
    for (const Question& question : parts_.ring.open_questions(most))
        list.push_back(JsonObject{{"id", question.id},
                                  {"model", question.model},
                                  {"window_from", to_iso8601(question.window_from)},
                                  {"window_to", to_iso8601(question.window_to)},
                                  {"why", question.why},
                                  {"score", question.score}});
    return list;
}

Task<Json> Desk::answer(std::string id, Answer answer) {
    if (under_way_.contains(id))
        co_return Error{Errc::conflict, "an answer to '" + id + "' is being kept just now"};
    UnderWay mark(under_way_, id);
    const Question* question = parts_.ring.find(id);
    if (!question)
        co_return Error{Errc::not_found, "no snippet '" + id + "': newer ones took its place"};
    const Timestamp now = parts_.clock.now();
    const bool repeated = answer.event && question->label == answer.event;
    if (answer.event && !repeated) {
        const std::string model = question->model;
        CO_TRY(const std::string snippet, co_await parts_.ring.read(id));
        const Event event{event_id(id, answer, now), answer.author, *answer.event,
                          answer.confidence, now};
        std::string message = message_of(event, snippet);
        CO_TRY_VOID(co_await parts_.send(model, std::move(message)));
        answers_.add();
    }
    if (!repeated) {
        // What left the ring meanwhile is answered all the same.
        const auto settled = parts_.ring.settle(id, answer.event);
        if (!settled && settled.error().code != Errc::not_found)
            co_return Error(settled.error()).context("it is on its way to the hub, yet");
        CO_TRY_VOID(co_await parts_.ring.flush());
    }
    co_return Json(JsonObject{{"id", id},
                              {"label", answer.event ? Json(*answer.event) : Json("skip")},
                              {"labelled_at", to_iso8601(now)}});
}

Json Desk::figures() const {
    const RingFigures ring = parts_.ring.figures();
    return JsonObject{{"open", ring.open},
                      {"answered", ring.answered},
                      {"bytes", ring.bytes},
                      {"dropped", ring.dropped_open},
                      {"failures", ring.failures}};
}

void Desk::measure() {
    const RingFigures ring = parts_.ring.figures();
    open_.set(static_cast<double>(ring.open));
    bytes_.set(static_cast<double>(ring.bytes));
    dropped_.set(static_cast<double>(ring.dropped_open));
    failures_.set(static_cast<double>(ring.failures));
}

}  // namespace mw::edge_labels
