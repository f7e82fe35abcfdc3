/// So many objects are decided on before another request may use the thread: a few milliseconds.
const AT_A_STRETCH: usize = 50;

/// Before the object at `index` of many: lets others at the thread now and then.
pub async fn pace(index: usize) {
    if index.is_multiple_of(AT_A_STRETCH) {
        tokio::task::yield_now().await;
    }
}
