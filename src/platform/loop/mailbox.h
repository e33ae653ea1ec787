#pragma once
// Mail between threads: the sender puts owned mail under a mutex, and signals an eventfd only if
// the receiver was not signalled yet; the receiver takes the whole content at once. A mailbox
// outlives its loop in the hands of senders; once closed it refuses. Capacity bounds posts, not
// answers, since each answer belongs to a question that was counted.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mw {

class Mail {
 public:
    virtual ~Mail() = default;
    virtual void arrive() = 0;  // on the receiving loop's thread; destroyed after it
};

template <class F>
class FunctionMail final : public Mail {
 public:
    explicit FunctionMail(F function) : function_(std::move(function)) {}
    void arrive() override { function_(); }

 private:
    F function_;
};

class Mailbox {
 public:
    static Result<std::shared_ptr<Mailbox>> open(std::size_t capacity);
    explicit Mailbox(int wake_fd, std::size_t capacity) : fd_(wake_fd), capacity_(capacity) {}
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;

    // Any thread. False when full or closed; the mail is destroyed then.
    bool post(std::unique_ptr<Mail> mail);
    // Any thread. False when closed. Not bounded.
    bool answer(std::unique_ptr<Mail> mail);
    void wake();  // any thread: ends the receiver's wait

    int fd() const { return fd_; }
    bool take(std::vector<std::unique_ptr<Mail>>& into);  // receiver; false when there was none
    void close();                                         // receiver
    std::size_t high_water() const;
    std::uint64_t refused() const;

 private:
    bool put(std::unique_ptr<Mail>& mail, bool bounded);

    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Mail>> mail_;
    bool signalled_ = false;
    bool closed_ = false;
    std::size_t high_water_ = 0;
    std::uint64_t refused_ = 0;
    const int fd_;
    const std::size_t capacity_;
};

}  // namespace mw
