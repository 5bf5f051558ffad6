-- Contact data is sealed: one column instead of six, which nobody reads without the programme's secret. What stood
-- there in the open is taken over and leaves nothing behind.

ALTER TABLE member ADD COLUMN contacts {blob};
{fill}
ALTER TABLE member DROP COLUMN phone_no;
ALTER TABLE member DROP COLUMN nickname;
ALTER TABLE member DROP COLUMN name;
ALTER TABLE member DROP COLUMN email;
ALTER TABLE member DROP COLUMN address;
ALTER TABLE member DROP COLUMN login_id;
{rewrite member}
