#pragma once
// A value that one thread makes anew now and then, and that others look at. Any thread. A lock, as
// libstdc++ 12's atomic<shared_ptr> gives ThreadSanitizer nothing to see its order by.

#include <memory>
#include <mutex>

namespace mw {

template <class T>
class Published {
 public:
    std::shared_ptr<const T> get() const {  // null before the first set()
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void set(std::shared_ptr<const T> value) {
        const std::lock_guard lock(mutex_);
        value_.swap(value);
    }

 private:
    mutable std::mutex mutex_;
    std::shared_ptr<const T> value_;
};

}  // namespace mw
