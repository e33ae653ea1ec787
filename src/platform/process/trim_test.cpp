#include "platform/process/trim.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

namespace mw::process {
namespace {

constexpr std::size_t pages = 16;

std::size_t resident_pages(void* at, std::size_t bytes) {
    // What mincore() says is the page cache's; whether we map a page is in /proc/self/pagemap.
    const int file = open("/proc/self/pagemap", O_RDONLY);
    const auto size = static_cast<std::size_t>(getpagesize());
    std::size_t count = 0;
    for (std::size_t offset = 0; offset < bytes; offset += size) {
        std::uint64_t entry = 0;
        const auto page = (reinterpret_cast<std::uintptr_t>(at) + offset) / size;
        if (pread(file, &entry, sizeof entry, static_cast<off_t>(page * sizeof entry)) == 8)
            count += entry >> 63;
    }
    close(file);
    return count;
}

// A file that is mapped, each of its pages beginning with the page's number.
struct MappedFile {
    explicit MappedFile(int protection)
        : size(pages * static_cast<std::size_t>(getpagesize())), descriptor(fileno(file)) {
        const std::vector<char> zeros(size);
        EXPECT_EQ(write(descriptor, zeros.data(), size), static_cast<ssize_t>(size));
        for (std::size_t i = 0; i < pages; ++i) {
            const char number = static_cast<char>(i + 1);
            EXPECT_EQ(pwrite(descriptor, &number, 1, static_cast<off_t>(i * size / pages)), 1);
        }
        at = static_cast<char*>(mmap(nullptr, size, protection, MAP_PRIVATE, descriptor, 0));
        EXPECT_NE(at, MAP_FAILED);
    }
    ~MappedFile() {
        munmap(at, size);
        fclose(file);
    }
    int sum() const {
        int total = 0;
        for (std::size_t i = 0; i < pages; ++i) total += at[i * size / pages];
        return total;
    }
    std::FILE* file = std::tmpfile();
    std::size_t size;
    int descriptor;
    char* at = nullptr;
};

TEST(Trim, pages_of_files_go_and_come_back) {
    const MappedFile mapped(PROT_READ);
    ASSERT_EQ(mapped.sum(), pages * (pages + 1) / 2);
    ASSERT_EQ(resident_pages(mapped.at, mapped.size), pages);
    const auto trimmed = trim_memory();
    ASSERT_TRUE(trimmed) << trimmed.error().message;
    EXPECT_GE(trimmed->mappings, 1U);
    EXPECT_GE(trimmed->bytes, mapped.size);
    EXPECT_EQ(resident_pages(mapped.at, mapped.size), 0U);
    EXPECT_EQ(mapped.sum(), pages * (pages + 1) / 2);
}

TEST(Trim, what_was_written_stays) {
    MappedFile mapped(PROT_READ | PROT_WRITE);
    mapped.at[0] = 101;
    ASSERT_EQ(mprotect(mapped.at, mapped.size, PROT_READ), 0);  // as the linker leaves its tables
    ASSERT_TRUE(trim_memory());
    EXPECT_EQ(mapped.at[0], 101);
}

}  // namespace
}  // namespace mw::process
