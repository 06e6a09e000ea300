#pragma once
/// \file Which sanitizers the build has: GCC and clang say it in different ways.

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DLB_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define DLB_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define DLB_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__)
#define DLB_THREAD_SANITIZER 1
#endif
