#include "billsync/cli/run.h"

int main(int argc, char** argv) {
  return billsync::cli::Run(argc, argv);
}
