#[smarm::main]
struct Program;
