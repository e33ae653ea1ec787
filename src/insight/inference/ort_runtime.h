#pragma once
// One loaded ONNX Runtime: library, API table, environment, session options. Shared by its models;
// read-only after opening, so models of several threads may use it.

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "insight/inference/ort_table.h"

namespace mw::inference::ort {

class Runtime {
 public:
    static Result<std::shared_ptr<Runtime>> open(const std::string& library, bool arena);
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    const Api& api() const { return api_; }
    const std::string& version() const { return version_; }
    Env* env() const { return env_; }
    const SessionOptions* session_options() const { return options_; }
    const MemoryInfo* cpu_memory() const { return memory_; }
    Allocator* allocator() const { return allocator_; }

    // Turns a status into a Result and releases it. ONNX Runtime's own text is kept.
    Result<void> check(Status* status, const char* what) const;

 private:
    Runtime(const void* const* table, std::string version);
    Result<void> start(bool arena);

    Api api_;
    std::string version_;
    Env* env_ = nullptr;
    SessionOptions* options_ = nullptr;
    MemoryInfo* memory_ = nullptr;
    Allocator* allocator_ = nullptr;  // owned by the library
};

// A handle with its release function from the table.
template <class T>
struct Release {
    void (*call)(T*) = nullptr;
    void operator()(T* handle) const { call(handle); }
};
template <class T>
using Handle = std::unique_ptr<T, Release<T>>;

template <class T, int Index>
Handle<T> own(T* handle, const Entry<Index, void(T*)>& release) {
    return Handle<T>(handle, Release<T>{release.call});
}

}  // namespace mw::inference::ort
