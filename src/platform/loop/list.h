#pragma once
// An intrusive doubly linked list: no allocation, and a node leaves when it is destroyed.
// The list doesn't own its nodes. One thread.

#include "base/assert.h"

namespace mw {

class ListNode {
 public:
    ListNode() = default;
    // A node moves only while it is in no list.
    ListNode(ListNode&& other) noexcept { ASSERT(!other.listed()); }
    ListNode& operator=(ListNode&&) = delete;
    ~ListNode() { unlink(); }

    bool listed() const { return next_ != this; }
    void unlink() {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = this;
    }

 private:
    template <class T>
    friend class List;
    ListNode* prev_ = this;
    ListNode* next_ = this;
};

template <class T>
class List {
 public:
    bool empty() const { return !head_.listed(); }
    T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
    T* after(const T& node) {
        const ListNode& n = node;
        return n.next_ == &head_ ? nullptr : static_cast<T*>(n.next_);
    }
    void push_back(T& node) {
        ListNode& n = node;
        ASSERT(!n.listed());
        n.prev_ = head_.prev_;
        n.next_ = &head_;
        head_.prev_->next_ = &n;
        head_.prev_ = &n;
    }
    T* pop_front() {
        T* first = front();
        if (first) static_cast<ListNode*>(first)->unlink();
        return first;
    }
    // Takes over the nodes of the other, which must follow ours.
    void append(List& other) {
        if (other.empty()) return;
        head_.prev_->next_ = other.head_.next_;
        other.head_.next_->prev_ = head_.prev_;
        other.head_.prev_->next_ = &head_;
        head_.prev_ = other.head_.prev_;
        other.head_.prev_ = other.head_.next_ = &other.head_;
    }

 private:
    ListNode head_;
};

}  // namespace mw
