#include "platform/loop/run_on.h"

namespace mw::detail {

// Answers when it dies, wherever that is: the question was unread, the task was destroyed, or it
// ended.
class RemoteCall::Answer {
 public:
    explicit Answer(std::shared_ptr<RemoteCall> call) : call_(std::move(call)) {}
    Answer(Answer&&) = default;
    ~Answer() {
        if (!call_) return;
        auto home = call_->home_;
        auto arrive = [call = std::move(call_)] {
            Loop::here().outside_ended();
            call->answered_ = true;
            if (call->waiter_) call->waiter_->wake();
        };
        home->answer(std::make_unique<FunctionMail<decltype(arrive)>>(std::move(arrive)));
    }
    RemoteCall& call() const { return *call_; }

 private:
    std::shared_ptr<RemoteCall> call_;
};

class RemoteCall::Question final : public Mail {
 public:
    explicit Question(std::shared_ptr<RemoteCall> call) : answer_(std::move(call)) {}
    void arrive() override { Loop::here().guests().spawn(perform_and_answer(std::move(answer_))); }

 private:
    Answer answer_;
};

namespace {
// The Cancellation of the coroutine that awaits it.
struct ThisLine {
    Cancellation* line = nullptr;
    bool await_ready() const { return false; }
    bool begin(std::coroutine_handle<>, Cancellation& in) { return line = &in, false; }
    Cancellation* await_resume() const { return line; }
};
}  // namespace

Task<> RemoteCall::perform_and_answer(Answer answer) {
    RemoteCall& call = answer.call();
    call.far_line_ = co_await Await<ThisLine>();
    if (call.cancel_asked_) call.far_line_->request();
    ignore(co_await call.perform(), "perform keeps the outcome for the caller");
    call.far_line_ = nullptr;
    co_return Result<>{};
}

Result<> RemoteCall::ask(Loop& other) {
    home_ = Loop::here().mailbox();
    far_ = other.mailbox();
    auto question = std::make_unique<Question>(shared_from_this());
    // Counted before it is posted: a refused question is answered too, as it dies.
    Loop::here().outside_began();
    if (far_->post(std::move(question))) return {};
    return Error{Errc::overloaded, "the other loop's mailbox is full or closed"};
}

void RemoteCall::ask_to_cancel() {
    auto arrive = [call = shared_from_this()] {
        call->cancel_asked_ = true;
        if (call->far_line_) call->far_line_->request();
    };
    far_->answer(std::make_unique<FunctionMail<decltype(arrive)>>(std::move(arrive)));
}

RemoteCall::Answered::~Answered() {
    if (call_.waiter_ != this) return;
    call_.waiter_ = nullptr;
    if (!call_.answered_) call_.ask_to_cancel();
}

bool RemoteCall::Answered::begin(std::coroutine_handle<> h, Cancellation& in) {
    suspend_on(Loop::here(), h, in);
    call_.waiter_ = this;
    if (in.requested()) call_.ask_to_cancel();
    return true;
}

}  // namespace mw::detail
