//! Prints the TypeScript of the IPC: `npm run generate` writes it to `ui/src/generated/ipc.ts`.

fn main() {
    print!("{}", taskpaw_contract::ipc::typescript());
}
