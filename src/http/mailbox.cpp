#include "mailbox.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace billsync::http {

Mailbox::Mailbox() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (event_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Mailbox::Post(Mail mail) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    first = mails_.empty();
    mails_.push_back(std::move(mail));
  }
  // One signal wakes the owner for all mail that has gathered by then.
  if (first) ::eventfd_write(event_.get(), 1);
}

std::vector<Mail> Mailbox::TakeAll() {
  eventfd_t ignored = 0;
  ::eventfd_read(event_.get(), &ignored);
  const std::lock_guard lock(mutex_);
  return std::exchange(mails_, {});
}

void Mailbox::Close() {
  std::vector<Mail> dropped;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(mails_);
}

}  // namespace billsync::http
