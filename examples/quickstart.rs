//! One actor adds up what another sends; a third one fails, and takes nobody along.
use smarm::{channel, spawn};

#[smarm::main]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (numbers, inbox) = channel();

    // An actor is a closure with a stack of its own. Waiting parks the actor and leaves its thread to the others.
    let adder = spawn(move || inbox.iter().sum::<u32>());

    for n in [1, 2, 39] {
        numbers.send(n)?;
    }
    drop(numbers); // the last sender: the adder has heard everything
    println!("the sum is {}", adder.join()?);

    // A panic ends its own actor only. Whoever joins it gets the reason.
    let parser = spawn(|| "forty-two".parse::<u32>().unwrap());
    if let Err(reason) = parser.join() {
        println!("the parser died: {reason}");
    }
    Ok(())
}
