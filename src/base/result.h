#pragma once
// Expected failures as values: Result<T> is a T or an Error. Both are plain values without a
// thread. Bugs are not errors: they are ASSERTs (base/assert.h).

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace mw {

// Nine codes, by what the caller does next. Protocols map their own codes inside the protocol.
enum class Errc {
    invalid_input,  // mend the input
    not_found,      // look elsewhere
    conflict,       // read again, then retry
    denied,         // ask for the right
    timed_out,      // retry later
    cancelled,      // stop quietly
    overloaded,     // slow down
    io_failed,      // the outside world failed
    corrupt,        // stored bytes are not what was written
};

std::string_view to_string(Errc code);

struct [[nodiscard]] Error {
    Errc code;
    std::string message;

    // "step: message": each layer adds what it tried, once.
    Error context(std::string_view step) && {
        message.insert(0, ": ").insert(0, step);
        return std::move(*this);
    }
    Error context(std::string_view step) const& { return Error(*this).context(step); }
};

template <class T = void>
class [[nodiscard]] Result {
 public:
    using value_type = T;

    template <class U = T>
    requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>) Result(U&& value)
        : content_(std::in_place_index<0>, std::forward<U>(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return ASSERT(ok()), std::get<0>(content_); }
    const T& value() const& { return ASSERT(ok()), std::get<0>(content_); }
    T&& value() && { return ASSERT(ok()), std::get<0>(std::move(content_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T value_or(T fallback) && { return ok() ? std::move(*this).value() : std::move(fallback); }

    const Error& error() const& { return ASSERT(!ok()), std::get<1>(content_); }
    Error&& error() && { return ASSERT(!ok()), std::get<1>(std::move(content_)); }

    Result context(std::string_view step) && {
        if (ok()) return std::move(*this);
        return std::move(*this).error().context(step);
    }

 private:
    std::variant<T, Error> content_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    void operator*() const { ASSERT(ok()); }

    const Error& error() const& { return ASSERT(!ok()), *error_; }
    Error&& error() && { return ASSERT(!ok()), std::move(*error_); }

    Result context(std::string_view step) && {
        if (ok()) return {};
        return std::move(*error_).context(step);
    }

 private:
    std::optional<Error> error_;
};

// Drops an outcome on purpose, saying why.
template <class T>
void ignore(const Result<T>&, std::string_view /*why*/) {}

}  // namespace mw

#define MW_JOIN_(a, b) a##b
#define MW_JOIN(a, b) MW_JOIN_(a, b)

// TRY(auto x, f()): x is f()'s value, or the enclosing function returns f()'s error.
#define TRY(declaration, ...)                                                        \
    auto MW_JOIN(try_, __LINE__) = (__VA_ARGS__);                                    \
    if (!MW_JOIN(try_, __LINE__)) return std::move(MW_JOIN(try_, __LINE__)).error(); \
    declaration = *std::move(MW_JOIN(try_, __LINE__))
#define TRY_VOID(...)                                                                              \
    do {                                                                                           \
        if (auto try_outcome = (__VA_ARGS__); !try_outcome) return std::move(try_outcome).error(); \
    } while (0)

// The same in a coroutine that yields a Result.
#define CO_TRY(declaration, ...)                                                        \
    auto MW_JOIN(try_, __LINE__) = (__VA_ARGS__);                                       \
    if (!MW_JOIN(try_, __LINE__)) co_return std::move(MW_JOIN(try_, __LINE__)).error(); \
    declaration = *std::move(MW_JOIN(try_, __LINE__))
#define CO_TRY_VOID(...)                                    \
    do {                                                    \
        if (auto try_outcome = (__VA_ARGS__); !try_outcome) \
            co_return std::move(try_outcome).error();       \
    } while (0)
