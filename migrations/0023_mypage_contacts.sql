-- Nickname and phone number are sealed. The pages are emptied and come back from the logs.

{fill}
ALTER TABLE page ADD COLUMN contacts {blob};
ALTER TABLE page DROP COLUMN nickname;
ALTER TABLE page DROP COLUMN phone_no;
{rewrite page}
